#include "proxy/server/protocol.hpp"

#include "proxy/server/listener.hpp"
#include "proxy/server/tcp_connection.hpp"

#include <utility>

namespace server {
namespace {

template <typename Connection, typename Settings, Settings ListenerSettings::*settings>
class Spoken final : public Protocol, Connection::Owner {
 public:
  Spoken(std::unique_ptr<net::Transport> transport, const ProtocolParts& parts)
      : owner_(parts.owner),
        connection_(std::move(transport), parts.lingering, parts.info, own(parts.settings),
                    parts.service, static_cast<typename Connection::Owner&>(*this)) {}

  void start(base::Bytes already_read, [[maybe_unused]] base::Time begun) override {
    if constexpr (requires { connection_.start(std::move(already_read), begun); })
      connection_.start(std::move(already_read), begun);
    else
      connection_.start(std::move(already_read));
  }
  void drain() override { connection_.drain(); }
  void cut() override { connection_.cut(); }
  bool is_idle() const override { return connection_.is_idle(); }
  void adopt(const std::shared_ptr<const ListenerSettings>& next) override {
    connection_.adopt(own(next));
  }

 private:
  static std::shared_ptr<const Settings> own(const std::shared_ptr<const ListenerSettings>& all) {
    return {all, &(*all.*settings)};
  }
  void on_closed(Connection&) override { owner_.on_closed(); }

  Protocol::Owner& owner_;
  Connection connection_;
};

using Http1 = Spoken<http1::ServerConnection, http1::ServerSettings, &ListenerSettings::http1>;
using Http2 = Spoken<http2::ServerConnection, http2::ServerSettings, &ListenerSettings::http2>;

}  // namespace

std::unique_ptr<Protocol> make_http1(std::unique_ptr<net::Transport> transport,
                                     const ProtocolParts& parts) {
  return std::make_unique<Http1>(std::move(transport), parts);
}

std::unique_ptr<Protocol> make_h2(std::unique_ptr<net::Transport> transport,
                                  const ProtocolParts& parts) {
  return std::make_unique<Http2>(std::move(transport), parts);
}

std::unique_ptr<Protocol> make_tcp(std::unique_ptr<net::Transport> transport,
                                   const ProtocolParts& parts) {
  return std::make_unique<TcpConnection>(std::move(transport), parts);
}

}  // namespace server
