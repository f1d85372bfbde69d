// A request's body on its way to an upstream stream, while the response is waited for or already
// comes back: it is also the source of that response's body, so that dropping the response ends
// both. Owned by the Body that it is the source of; made by Forward. The worker's thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"

#include <memory>
#include <string>

namespace upstream {

class Upload final : public http::OwnedSource, public http::Interim {
 public:
  Upload(base::Loop& loop, http::Body body, http::Interim& interim);

  // The head was sent on `stream`; the body follows. `asks_first`: not before the upstream said
  // 100, or a second has passed (RFC 9110 10.1.1).
  void start(std::unique_ptr<http::ClientStream> stream, bool asks_first);
  // The stream failed, and is given back. What was read of the body can be sent again, if it was
  // little.
  void stop();
  bool can_start_again() const { return is_keeping_ || body_.can_rewind(); }
  // The response has begun: this is the stream that counts.
  void head_came();

  http::Task<http::Result<http::Bytes>> read() override { return stream_->read(); }
  const http::Headers& trailers() const override { return stream_->trailers(); }
  std::optional<std::uint64_t> size() const override { return stream_->size(); }

 private:
  class ToUpstream;

  void send_interim(int status, const http::Headers& headers) noexcept override;
  http::Task<> run();
  void keep(const http::Bytes& piece);
  void let_go();

  base::Loop& loop_;
  http::Body body_;
  http::Interim& interim_;
  std::unique_ptr<http::ClientStream> stream_;
  base::Event continued_;
  bool asks_first_ = false;  // the upstream has not said yet that it wants the body
  bool has_head_ = false;    // of the response
  bool has_ended_ = false;   // the body, as read
  bool is_keeping_;          // unless the body itself can be read again
  std::string kept_;         // what was read so far
  base::TaskGroup tasks_;    // dies before what its task uses
};

}  // namespace upstream
