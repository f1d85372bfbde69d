// The Dialer of real traffic: TCP or a Unix socket, TLS where the cluster has it, then whatever
// HTTP was agreed on. Owned by EndpointPools; the worker's thread.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/base/log.hpp"
#include "proxy/http1/client.hpp"
#include "proxy/http2/client.hpp"
#include "proxy/net/handshake_turns.hpp"
#include "proxy/upstream/dialer.hpp"

#include <memory>
#include <string>
#include <utility>

namespace upstream {

class NetDialer final : public Dialer {
 public:
  // All outlive it. What is `lasting` is told in the log, at most once a minute.
  NetDialer(base::EventLoop& loop, net::HandshakeTurns& turns, base::Log& log)
      : loop_(loop), turns_(turns), log_(log) {}

  base::Task<base::Result<Dialed>> dial(Dial wanted) override;
  base::Result<std::unique_ptr<net::ConnectedDatagrams>> datagrams(
      const base::Address& address) override {
    return net::ConnectedDatagrams::to(loop_, address);
  }
  void renew(const config::Cluster& cluster, const config::Limits& limits,
             std::shared_ptr<const certs::TlsContext> tls) override;
  void renew_tls(std::shared_ptr<const certs::TlsContext> tls) override { tls_ = std::move(tls); }

 private:
  base::Result<Dialed> speak(std::unique_ptr<net::Transport> transport, const Dial& wanted);
  void tell(const base::Error& error, const base::Address& address);

  base::EventLoop& loop_;
  net::HandshakeTurns& turns_;
  base::Log& log_;
  base::Time told_at_ = base::Time::min();
  std::string cluster_;
  std::shared_ptr<const certs::TlsContext> tls_;
  base::Duration idle_{};
  base::Duration idle_http1_{};
  http1::ClientLimits http1_;
  http2::ClientSettings http2_;
};

}  // namespace upstream
