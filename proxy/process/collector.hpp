// The collector that spans are sent to, over one connection that is kept as long as it is of use.
// Owned by a TraceExporter; control's thread.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/http/interim.hpp"
#include "proxy/http1/client.hpp"
#include "proxy/net/resolver.hpp"

#include <memory>
#include <optional>
#include <string>

namespace process {

struct CollectorAnswer {
  int status = 0;       // 0 = there was none
  std::string problem;  // why not, in words
  std::optional<base::Duration> retry_after;
  std::string body;
};

class Collector final : http1::ClientConnection::Owner, http::Interim {
 public:
  // tls: null = clear. The first two outlive it.
  Collector(base::EventLoop& loop, net::Resolver& resolver, config::Trace place,
            std::shared_ptr<const certs::TlsContext> tls);
  ~Collector();

  void renew_tls(std::shared_ptr<const certs::TlsContext> tls) { tls_ = std::move(tls); }
  // One at a time; the body outlives the task.
  base::Task<CollectorAnswer> post(const std::string& body, base::Time until);

 private:
  base::Task<CollectorAnswer> ask(const std::string& body, base::Time until);
  // What went wrong, or "".
  base::Task<std::string> connect(base::Time until);
  http::RequestHead head_of(std::size_t size) const;

  void on_idle(http1::ClientConnection&) override {}
  void on_closed(http1::ClientConnection&) override { is_closed_ = true; }
  void send_interim(int, const http::Headers&) noexcept override {}

  base::EventLoop& loop_;
  net::Resolver& resolver_;
  const config::Trace place_;
  std::shared_ptr<const certs::TlsContext> tls_;
  const http1::ClientLimits limits_{};
  std::unique_ptr<http1::ClientConnection> connection_;
  bool is_closed_ = false;
};

}  // namespace process
