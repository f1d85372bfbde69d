#include "proxy/server/frames_to_client.hpp"

#include <utility>

namespace server {

class FramesToClient::Followed final : public http::WrappedSource {
 public:
  Followed(http::Body inner, FramesToClient& frames)
      : WrappedSource(std::move(inner)), frames_(frames) {}

  base::Task<base::Result<base::Bytes>> read() override {
    frames_.is_waiting_ = true;
    base::Result<base::Bytes> piece = co_await inner_.read();
    frames_.is_waiting_ = false;
    if (piece) frames_.sent_.pass(piece->view());
    co_return piece;
  }

 private:
  FramesToClient& frames_;
};

http::Body FramesToClient::follow(http::Body body) {
  return http::Body(new Followed(std::move(body), *this));
}

}  // namespace server
