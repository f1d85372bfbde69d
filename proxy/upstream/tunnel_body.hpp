// What comes back through a tunnel, while what the client sends goes up it: the source of the body
// of a response that opened one. Each direction ends by itself; dropped before both have, it cuts
// the tunnel. Owned by the Body that it is the source of; made by Forward. The worker's thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"

#include <memory>
#include <optional>

namespace upstream {

class TunnelBody final : public http::OwnedSource {
 public:
  TunnelBody(base::Loop& loop, std::unique_ptr<http::ClientStream> stream, http::Body from_client);

  http::Task<http::Result<http::Bytes>> read() override { return stream_->read(); }
  http::Task<http::Result<void>> rest() override;

 private:
  http::Task<> carry();
  http::Task<http::Result<void>> carry_all();

  base::Loop& loop_;
  std::unique_ptr<http::ClientStream> stream_;
  http::Body from_client_;
  base::Event ended_;
  std::optional<http::Result<void>> how_it_ended_;
  base::TaskGroup tasks_;  // dies before what its task uses
};

}  // namespace upstream
