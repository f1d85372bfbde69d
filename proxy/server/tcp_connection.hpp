// A downstream connection of opaque bytes, as a Protocol: one exchange from the first byte to the
// last, which is to the chain what a CONNECT is that names nothing. What the client sends is not
// read before its upstream is connected. Each direction ends by itself. Owned by the connection;
// the worker's thread.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/server/protocol.hpp"

#include <memory>
#include <optional>

namespace server {

class TcpConnection final : public Protocol,
                            net::Transport::Owner,
                            http::ServerStream,
                            http::Body::Source {
 public:
  TcpConnection(std::unique_ptr<net::Transport> transport, const ProtocolParts& parts);

  void start(base::Bytes already_read, base::Time begun) override;
  // A tunnel is never idle, as far as is known.
  void drain() override {}
  void cut() override;
  bool is_idle() const override { return false; }
  void adopt(const std::shared_ptr<const ListenerSettings>&) override {}

 private:
  base::Task<> run();
  void close();
  void on_hangup() override;

  const http::ConnectionInfo& connection() const override { return info_; }
  void send_interim(int, const http::Headers&) noexcept override {}
  base::Result<void> send_head(const http::Response& response, bool ends) override;
  base::Task<base::Result<void>> write(base::Bytes piece) override;
  base::Result<void> finish(const http::Headers& trailers) override;
  bool carries_trailers() const override { return false; }
  void abort(const base::Error& why) noexcept override;
  base::Time last_taken() const override { return transport_->last_written(); }

  base::Task<base::Result<base::Bytes>> read() override;
  std::optional<std::uint64_t> size() const override { return std::nullopt; }
  void drop() noexcept override {}

  std::unique_ptr<net::Transport> transport_;
  net::Lingering& lingering_;
  const http::ConnectionInfo& info_;
  http::Service& service_;
  Protocol::Owner& owner_;
  const base::Millis send_timeout_;
  base::Bytes input_;          // read before, not yet used
  bool is_open_ = false;       // connected to an upstream
  bool has_sent_all_ = false;  // to the client
  bool is_closed_ = false;
  base::TaskGroup tasks_;  // last: dies first
};

}  // namespace server
