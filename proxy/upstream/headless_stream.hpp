// The stream of a request that is not sent: what goes upstream are the bytes of its body alone, and
// it is answered as soon as they can.
#pragma once

#include "proxy/http/stream.hpp"

#include <utility>

namespace upstream {

class HeadlessStream : public http::ClientStream {
 public:
  http::Result<void> send_head(const http::RequestHead&, bool) final { return {}; }
  http::Task<http::Reply> read_head(http::Interim&) final {
    http::Response response;
    response.status = 200;
    return http::Reply(std::move(response));
  }
  bool has_body() const final { return true; }
};

}  // namespace upstream
