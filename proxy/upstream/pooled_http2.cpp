#include "proxy/upstream/pooled_http2.hpp"

namespace upstream {
namespace {

class PooledHttp2 final : public PooledConnection, http2::ClientConnection::Owner {
 public:
  PooledHttp2(std::unique_ptr<net::Transport> transport, const http2::ClientSettings& settings,
              std::uint32_t first_streams, base::Duration longest)
      : PooledConnection(transport->loop(), longest),
        client_(std::move(transport), settings, *this, first_streams) {}

  bool is_h2() const override { return true; }
  std::uint32_t streams() const override { return is_lost_ ? 0 : client_.open_streams(); }
  std::size_t free_streams() override {
    return is_lost_ || is_draining() || is_worn() ? 0 : client_.free_streams();
  }
  bool may_widen() const override { return !is_lost_ && !is_draining() && client_.may_widen(); }

 private:
  std::unique_ptr<http::ClientStream> open_stream() override { return client_.open(); }
  void say_goodbye() noexcept override { client_.shutdown(); }

  void on_stream_ended(http2::ClientConnection&) override {
    stream_ended();
    if (streams() == 0) {
      if (is_draining()) return leave();
      rest(longest_idle());
    }
    became_free();
  }
  void on_limit_changed(http2::ClientConnection&) override {
    learned_limit(client_.stream_limit());
  }
  void on_draining(http2::ClientConnection&) override {
    lost();
    drain();
  }
  // Open streams learn of it by themselves, but do not report their end: they are counted off here.
  void on_closed(http2::ClientConnection&) override {
    for (std::uint32_t left = client_.open_streams(); left > 0; --left) stream_ended();
    is_lost_ = true;
    lost();
    leave();
  }

  bool is_lost_ = false;
  http2::ClientConnection client_;
};

}  // namespace

std::unique_ptr<PooledConnection> pooled_http2(std::unique_ptr<net::Transport> transport,
                                               const http2::ClientSettings& settings,
                                               std::uint32_t first_streams,
                                               base::Duration longest_idle) {
  return std::make_unique<PooledHttp2>(std::move(transport), settings, first_streams, longest_idle);
}

}  // namespace upstream
