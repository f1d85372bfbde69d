// The admin side: an HTTP/1 service on the control loop that shows what the process does, through
// the same handlers and pump as traffic. Owned by control; its thread.
#pragma once

#include "proxy/admin/routes.hpp"
#include "proxy/http1/server.hpp"
#include "proxy/net/acceptor.hpp"
#include "proxy/net/connection_limits.hpp"
#include "proxy/net/lingering.hpp"
#include "proxy/observe/tap.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace admin {

// What the admin side asks of the process.
class AdminSource {
 public:
  virtual bool is_ready() const = 0;
  virtual std::string config() const = 0;  // effective, as YAML
  virtual std::string stats() = 0;         // JSON
  // These ask all workers.
  virtual base::Task<std::string> clusters() = 0;  // JSON
  virtual base::Task<std::string> metrics() = 0;   // Prometheus' text format
  virtual void drain() = 0;
  virtual void quit() = 0;  // as drain(), at once: the app has gone
  // Another process with the binary and the configuration on disk takes over. What stands in the
  // way, or "".
  virtual base::Task<std::string> upgrade() = 0;
  // Goes over to what the configuration says by now. What is wrong with it, or "".
  virtual base::Task<std::string> reload() = 0;
  // To another process, which knows already what was said of breakers.
  virtual bool is_handing_over() const = 0;
  // Of the breaker of that place, as /clusters names it: "open", "closed" or "auto". Why there is none,
  // or "".
  virtual std::string set_breaker(std::string_view place, std::string_view mode) = 0;
  // The last exchanges that went badly, or that one; JSON.
  virtual std::string requests(const std::string& id) = 0;
  virtual observe::Tap& tap() = 0;
  virtual base::Loop& loop() = 0;

 protected:
  ~AdminSource() = default;
};

// All there is, and what is for everybody: /live, /ready and /metrics.
std::vector<AdminRoute> routes_of(AdminSource& source);
std::vector<AdminRoute> probes_of(AdminSource& source);

class Admin final : public http::Service, net::Acceptor::Owner {
 public:
  // path: of a Unix socket that goes with this, else null. guard: null = everybody is answered.
  Admin(base::EventLoop& loop, base::Descriptor listening, std::shared_ptr<net::UnixPath> path,
        std::vector<AdminRoute> routes, std::unique_ptr<SiteGuard> guard,
        const http1::ServerSettings& settings = {});
  ~Admin();

  const base::Address& address() const { return address_; }
  // Nobody new is listened to, and another process may take the address; who is connected stays.
  void release() { acceptor_.close(); }
  // Its socket once more, for whoever takes it over; none if there cannot be another descriptor.
  base::Descriptor duplicate() const { return acceptor_.duplicate(); }
  // Of a Unix socket: that the path goes with this, until it is let go: it is another's then.
  bool owns_path() const { return acceptor_.path() != nullptr; }
  void let_go() {
    if (acceptor_.path()) acceptor_.path()->let_go();
  }
  base::Task<> serve(http::Incoming&& incoming, http::ServerStream& stream) override;
  bool is_draining() const override { return false; }

 private:
  class Connection;
  static constexpr std::size_t most_connections = 64;

  void on_accept(int descriptor, const base::Address& remote) override;
  bool make_room();

  base::EventLoop& loop_;
  net::ConnectionLimits limits_{most_connections, most_connections};
  net::Lingering lingering_;
  const std::shared_ptr<const http1::ServerSettings> settings_;
  base::Address address_;
  Routes routes_;
  http::Chain chain_;
  std::vector<Connection*> connections_;  // owned; the oldest first, closed ones until reaped
  net::Acceptor acceptor_;
};

}  // namespace admin
