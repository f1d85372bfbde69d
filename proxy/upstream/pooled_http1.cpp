#include "proxy/upstream/pooled_http1.hpp"

#include <algorithm>

namespace upstream {
namespace {

// The upstream closes at its own time: we do a little before, so that nothing is sent into that.
constexpr std::chrono::seconds margin{1};

class PooledHttp1 final : public PooledConnection, http1::ClientConnection::Owner {
 public:
  PooledHttp1(std::unique_ptr<net::Transport> transport, const http1::ClientLimits& limits,
              base::Duration longest)
      : PooledConnection(transport->loop(), longest),
        client_(std::move(transport), limits, *this) {}

  bool is_h2() const override { return false; }
  std::uint32_t streams() const override { return is_busy_ ? 1 : 0; }
  std::size_t free_streams() override {
    return is_busy_ || is_draining() || is_worn() || client_.is_stale() ? 0 : 1;
  }

 private:
  std::unique_ptr<http::ClientStream> open_stream() override {
    is_busy_ = true;
    return client_.open();
  }

  void on_idle(http1::ClientConnection&) override {
    is_busy_ = false;
    stream_ended();
    const base::Duration idle = allowed_idle();
    if (idle <= base::Duration::zero() || is_draining() || is_worn()) return leave();
    rest(idle);
    became_free();
  }

  void on_closed(http1::ClientConnection&) override {
    if (std::exchange(is_busy_, false)) stream_ended();
    lost();
    leave();
  }

  base::Duration allowed_idle() const {
    const auto announced = client_.keep_alive_timeout();
    return announced ? std::min<base::Duration>(longest_idle(), *announced - margin)
                     : longest_idle();
  }

  void say_goodbye() noexcept override {
    net::Transport& transport = client_.transport();
    if (!transport.is_open() || is_busy_) return;
    transport.shutdown_send();
    transport.flush();
  }

  bool is_busy_ = false;
  http1::ClientConnection client_;
};

}  // namespace

std::unique_ptr<PooledConnection> pooled_http1(std::unique_ptr<net::Transport> transport,
                                               const http1::ClientLimits& limits,
                                               base::Duration longest_idle) {
  return std::make_unique<PooledHttp1>(std::move(transport), limits, longest_idle);
}

}  // namespace upstream
