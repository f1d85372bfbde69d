#include "proxy/upstream/pool_http2.hpp"

#include "proxy/http2/client.hpp"

namespace upstream {
namespace {

class Http2Connection final : public Connection, http2::ClientConnection::Owner {
 public:
  Http2Connection(Pool& pool, const PoolSetup& setup, const Origin& origin,
                  std::unique_ptr<net::Transport> transport)
      : Connection(pool, transport->loop(), origin),
        longest_idle_(setup.cluster->pool.idle),
        client_(std::move(transport), setup.http2, *this) {
    idle_until(loop().now() + longest_idle_);
  }

  bool is_h2() const override { return true; }
  std::uint32_t streams() const override { return is_lost_ ? 0 : client_.open_streams(); }
  std::size_t free_streams() override {
    return is_lost_ || is_draining() || is_worn() ? 0 : client_.free_streams();
  }

  bool may_widen() const override { return !is_lost_ && client_.may_widen(); }

 private:
  std::unique_ptr<http::ClientStream> open_stream() override { return client_.open(); }
  void say_goodbye() noexcept override { client_.shutdown(); }

  void on_stream_ended(http2::ClientConnection&) override {
    stream_ended();
    if (streams() == 0) {
      if (is_draining()) return leave();
      idle_until(loop().now() + longest_idle_);
    }
    became_free();
  }
  void on_limit_changed(http2::ClientConnection&) override { became_free(); }
  void on_draining(http2::ClientConnection&) override { drain(); }
  // The streams that were open know it themselves, and tell nobody when they end.
  void on_closed(http2::ClientConnection&) override {
    for (std::uint32_t left = client_.open_streams(); left > 0; --left) stream_ended();
    is_lost_ = true;
    leave();
  }

  const base::Duration longest_idle_;
  bool is_lost_ = false;
  http2::ClientConnection client_;
};

}  // namespace

std::unique_ptr<Connection> make_h2_connection(Pool& pool, const PoolSetup& setup,
                                               const Origin& origin,
                                               std::unique_ptr<net::Transport> transport) {
  return std::make_unique<Http2Connection>(pool, setup, origin, std::move(transport));
}

}  // namespace upstream
