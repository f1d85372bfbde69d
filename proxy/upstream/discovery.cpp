#include "proxy/upstream/discovery.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/base/event.hpp"

namespace upstream {
namespace {

constexpr std::chrono::seconds local_ttl{60};     // of /etc/hosts, which has none
constexpr std::chrono::seconds longest_retry{30};  // after failures in a row
constexpr int most_doublings = 5;

std::optional<base::Address> fixed_address(const config::Endpoint& endpoint) {
  if (endpoint.is_unix) return base::Address::parse("unix:" + endpoint.host);
  return base::Address::parse_ip(endpoint.host, endpoint.port);
}

net::AddressFamily family_of(config::Family family) {
  switch (family) {
    case config::Family::ipv4:
      return net::AddressFamily::ipv4;
    case config::Family::ipv6:
      return net::AddressFamily::ipv6;
    default:
      return net::AddressFamily::any;
  }
}

void add(EndpointSet& set, const base::Address& address, std::uint32_t weight) {
  const auto is_there = [&](const Target& target) { return target.address == address; };
  if (std::none_of(set.targets.begin(), set.targets.end(), is_there))
    set.targets.push_back({address, weight});
}

bool is_same(const EndpointSet& a, const EndpointSet& b) {
  const auto same = [](const Target& x, const Target& y) {
    return x.address == y.address && x.weight == y.weight;
  };
  return a.failure.has_value() == b.failure.has_value() &&
         std::equal(a.targets.begin(), a.targets.end(), b.targets.begin(), b.targets.end(), same);
}

base::Duration pause_after(const net::Resolved& found, const config::Dns& dns) {
  const base::Duration ttl = found.is_local ? base::Duration(local_ttl) : found.ttl;
  return std::clamp<base::Duration>(ttl, dns.min_ttl, dns.max_ttl);
}

base::Duration pause_after_failures(int failures, const config::Dns& dns) {
  const base::Duration pause = dns.min_ttl * (1 << std::min(failures - 1, most_doublings));
  return std::clamp<base::Duration>(pause, dns.min_ttl,
                                    std::max<base::Duration>(dns.min_ttl, longest_retry));
}

}  // namespace

// A cluster that has names, and what is known of each of its endpoints.
struct Discovery::Service {
  struct Known {
    bool is_asked = false;  // at least once, and answered
    std::vector<base::Address> addresses;
    std::optional<base::Error> failure;
  };

  std::size_t index = 0;
  const config::Cluster* cluster = nullptr;
  std::vector<Known> known;  // as cluster->endpoints
  std::shared_ptr<const EndpointSet> published;
};

std::shared_ptr<const EndpointSet> fixed_endpoints(const config::Cluster& cluster) {
  auto set = std::make_shared<EndpointSet>();
  for (const config::Endpoint& endpoint : cluster.endpoints) {
    const std::optional<base::Address> address = fixed_address(endpoint);
    if (!address) return nullptr;
    add(*set, *address, endpoint.weight);
  }
  return set;
}

Discovery::Discovery(base::EventLoop& loop, net::Resolver& resolver, const config::Config& config,
                     Publish publish)
    : loop_(loop), resolver_(resolver), publish_(std::move(publish)), tasks_(loop) {
  for (std::size_t i = 0; i < config.clusters.size(); ++i) {
    const config::Cluster& cluster = config.clusters[i];
    if (fixed_endpoints(cluster)) continue;
    auto service = std::make_unique<Service>();
    service->index = i;
    service->cluster = &cluster;
    service->known.resize(cluster.endpoints.size());
    services_.push_back(std::move(service));
  }
  for (const auto& service : services_) {
    for (std::size_t i = 0; i < service->known.size(); ++i) {
      Service::Known& known = service->known[i];
      if (const auto address = fixed_address(service->cluster->endpoints[i])) {
        known = {true, {*address}, {}};
        continue;
      }
      ++unsettled_;
      tasks_.spawn(follow(*service, i)).release();
    }
  }
}

Discovery::~Discovery() = default;

base::Task<> Discovery::follow(Service& service, std::size_t endpoint) {
  const config::Dns& dns = service.cluster->dns;
  const config::Endpoint& named = service.cluster->endpoints[endpoint];
  int failures = 0;
  for (;;) {
    net::Question question{named.host, named.port, family_of(dns.family), dns.timeout};
    base::Result<net::Resolved> found = co_await resolver_.resolve(std::move(question));
    Service::Known& known = service.known[endpoint];
    if (!std::exchange(known.is_asked, true)) --unsettled_;
    base::Duration pause{};
    if (found) {
      failures = 0;
      pause = pause_after(*found, dns);
      known.addresses = std::move(found->addresses);
      known.failure.reset();
    } else {
      pause = pause_after_failures(++failures, dns);
      known.failure = found.error();
    }
    publish(service);
    co_await base::sleep_until(loop_, loop_.now() + pause);
  }
}

// Not before something is known that exchanges can use, or nothing is left to be asked.
void Discovery::publish(Service& service) {
  auto set = std::make_shared<EndpointSet>();
  std::optional<base::Error> failure;
  bool is_all_asked = true;
  for (std::size_t i = 0; i < service.known.size(); ++i) {
    const Service::Known& known = service.known[i];
    is_all_asked = is_all_asked && known.is_asked;
    if (known.failure) failure = known.failure;
    for (const base::Address& address : known.addresses)
      add(*set, address, service.cluster->endpoints[i].weight);
  }
  if (set->targets.empty()) {
    if (!is_all_asked) return;
    set->failure = failure;
  }
  if (service.published && is_same(*service.published, *set)) return;
  service.published = set;
  publish_(service.index, std::move(set));
}

}  // namespace upstream
