// The body of a response whose first read is begun before its head goes on, so that a gRPC status
// which came with the head, without a message between, is known in time. Nobody waits for that
// read: what has not come yet is read by the body's reader. Owned by the Body that it is the source
// of.
#pragma once

#include "proxy/base/task.hpp"
#include "proxy/http/body.hpp"

#include <optional>

namespace upstream {

class FirstRead final : public http::WrappedSource {
 public:
  explicit FirstRead(http::Body inner);
  ~FirstRead() override { begun_.reset(); }  // before what it reads

  // The message has ended without a byte: its trailers are there.
  bool found_the_end() const { return known_ && *known_ && (*known_)->empty(); }

  http::Task<http::Result<http::Bytes>> read() override;

 private:
  http::Task<http::Result<http::Bytes>> go_on();

  std::optional<base::Begun<http::Result<http::Bytes>>> begun_;  // until it was handed out
  std::optional<http::Result<http::Bytes>> known_;  // likewise, if it was there at once
};

}  // namespace upstream
