#include "proxy/process/probe.hpp"

#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/connector.hpp"
#include "proxy/net/resolver.hpp"

#include <utility>

namespace process {
namespace {

using base::Task;

constexpr base::Millis collector_timeout{3'000};

std::string text_of(const config::Endpoint& endpoint) {
  if (endpoint.is_unix) return "unix:" + endpoint.host;
  const bool is_v6 = endpoint.host.find(':') != endpoint.host.npos;
  return (is_v6 ? '[' + endpoint.host + ']' : endpoint.host) + ':' + std::to_string(endpoint.port);
}

net::AddressFamily family_of(config::Family family) {
  if (family == config::Family::automatic) return net::AddressFamily::any;
  return family == config::Family::ipv4 ? net::AddressFamily::ipv4 : net::AddressFamily::ipv6;
}

class Prober {
 public:
  Prober(const server::Plan& plan, const std::function<void(const Probed&)>& told)
      : plan_(plan), told_(told), resolver_(loop_), tasks_(loop_) {}

  void run() {
    tasks_.spawn(all()).release();
    loop_.run();
  }

 private:
  Task<> all() {
    for (const config::Cluster& cluster : plan_.config->clusters) {
      const Way way{cluster.name, tls_of(cluster.name), cluster.dns, cluster.connect_timeout};
      for (const config::Endpoint& endpoint : cluster.endpoints) co_await one(way, endpoint);
    }
    if (const std::optional<config::Trace>& trace = plan_.config->trace) {
      const Way way{{}, plan_.trace_tls, {}, collector_timeout};
      config::Endpoint collector;
      collector.host = trace->host;
      collector.port = trace->port;
      co_await one(way, collector);
    }
    loop_.stop();
  }

  // How those of a cluster, or the collector, are reached.
  struct Way {
    std::string cluster;                           // "" = it is the collector
    std::shared_ptr<const certs::TlsContext> tls;  // null = clear
    config::Dns dns;
    base::Millis connect_timeout;
  };

  std::shared_ptr<const certs::TlsContext> tls_of(const std::string& cluster) const {
    const auto tls = plan_.cluster_tls.find(cluster);
    return tls == plan_.cluster_tls.end() ? nullptr : tls->second;
  }

  Task<> one(const Way& way, const config::Endpoint& endpoint) {
    Probed probed;
    probed.cluster = way.cluster;
    probed.endpoint = text_of(endpoint);
    const base::Time begun = loop_.now();
    const base::Result<net::Resolved> found = co_await addresses_of(way, endpoint);
    probed.resolved_in = loop_.now() - begun;
    if (!found) {
      probed.problem = in_full(found.error());
      told_(probed);
      co_return;
    }
    for (const base::Address& address : found->addresses) {
      probed.address = address.to_string();
      co_await connect(way, address, probed);
      told_(probed);
    }
  }

  Task<base::Result<net::Resolved>> addresses_of(const Way& way,
                                                 const config::Endpoint& endpoint) {
    net::Resolved known;
    if (endpoint.is_unix)
      known.addresses.push_back(*base::Address::parse("unix:" + endpoint.host));
    else if (const auto ip = base::Address::parse_ip(endpoint.host, endpoint.port))
      known.addresses.push_back(*ip);
    if (!known.addresses.empty()) co_return known;
    net::Question question;
    question.name = endpoint.host;
    question.port = endpoint.port;
    question.timeout = way.dns.timeout;
    question.family = family_of(way.dns.family);
    co_return co_await resolver_.resolve(std::move(question));
  }

  Task<> connect(const Way& way, const base::Address& address, Probed& into) {
    const base::Time begun = loop_.now();
    auto connected = co_await net::connect(loop_, address, way.tls, begun + way.connect_timeout);
    into.connected_in = loop_.now() - begun;
    into.problem = connected ? std::string() : in_full(connected.error());
    const net::TlsSession* session = connected ? (*connected)->tls() : nullptr;
    into.tls_took = session ? session->handshake_time() : base::Duration::zero();
    into.protocol = session ? std::string(session->protocol()) : std::string();
  }

  const server::Plan& plan_;
  const std::function<void(const Probed&)>& told_;
  base::EventLoop loop_;
  net::Resolver resolver_;
  base::TaskGroup tasks_;
};

}  // namespace

void probe(const server::Plan& plan, const std::function<void(const Probed&)>& told) {
  Prober(plan, told).run();
}

}  // namespace process
