#include "proxy/upstream/discovery.hpp"

#include "proxy/base/event.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace upstream {
namespace {

constexpr std::chrono::seconds local_ttl{60};      // of /etc/hosts, which has none
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
  const auto is_there = [&](const WeightedAddress& each) { return each.address == address; };
  if (std::none_of(set.addresses.begin(), set.addresses.end(), is_there))
    set.addresses.push_back({address, weight});
}

bool is_same(const EndpointSet& a, const EndpointSet& b) {
  const auto same = [](const WeightedAddress& x, const WeightedAddress& y) {
    return x.address == y.address && x.weight == y.weight;
  };
  return a.failure.has_value() == b.failure.has_value() &&
         std::equal(a.addresses.begin(), a.addresses.end(), b.addresses.begin(), b.addresses.end(),
                    same);
}

bool is_same_name(const config::Endpoint& a, const config::Endpoint& b) {
  return a.host == b.host && a.port == b.port && a.is_unix == b.is_unix;
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
class Discovery::Service {
 public:
  Service(Discovery& discovery, const config::Cluster& cluster)
      : discovery_(discovery),
        names_(cluster),
        known_(cluster.endpoints.size()),
        tasks_(discovery.loop_) {}

  // Begins with what another service knows of the same names.
  void learn_from(const Service& other);
  void start();
  const ClusterNames& names() const { return names_; }
  bool is_settled() const;
  const std::shared_ptr<const PublishedEndpoints>& published() const { return published_; }

 private:
  struct Known {
    bool is_asked = false;  // at least once, and answered
    std::vector<base::Address> addresses;
    std::optional<base::Error> failure;
  };

  base::Task<> follow(std::size_t endpoint);
  void publish();

  Discovery& discovery_;
  const ClusterNames names_;
  std::vector<Known> known_;  // as names_.endpoints
  std::shared_ptr<const PublishedEndpoints> published_;
  base::TaskGroup tasks_;
};

void Discovery::Service::learn_from(const Service& other) {
  for (std::size_t i = 0; i < known_.size(); ++i)
    for (std::size_t j = 0; j < other.known_.size(); ++j)
      if (is_same_name(names_.endpoints[i], other.names_.endpoints[j]) &&
          names_.dns.family == other.names_.dns.family && !other.known_[j].addresses.empty())
        known_[i] = other.known_[j];
}

void Discovery::Service::start() {
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (const auto address = fixed_address(names_.endpoints[i]))
      known_[i] = {true, {*address}, {}};
    else
      tasks_.spawn(follow(i)).release();
  }
  publish();
}

bool Discovery::Service::is_settled() const {
  return std::all_of(known_.begin(), known_.end(),
                     [](const Known& known) { return known.is_asked; });
}

base::Task<> Discovery::Service::follow(std::size_t endpoint) {
  const config::Dns& dns = names_.dns;
  const config::Endpoint& named = names_.endpoints[endpoint];
  int failures = 0;
  for (;;) {
    net::Question question{named.host, named.port, family_of(dns.family), dns.timeout};
    base::Result<net::Resolved> found = co_await discovery_.resolver_.resolve(std::move(question));
    Known& known = known_[endpoint];
    known.is_asked = true;
    base::Duration pause{};
    if (found) {
      failures = 0;
      pause = pause_after(*found, dns);
      known.addresses = std::move(found->addresses);
      known.failure.reset();
    } else {
      pause = pause_after_failures(++failures, dns);
      ++discovery_.failures_[names_.cluster];
      known.failure = found.error();
    }
    publish();
    co_await base::sleep_until(discovery_.loop_, discovery_.loop_.now() + pause);
  }
}

// A set without addresses fails the exchanges that wait for them: it is not published while a name
// was never answered.
void Discovery::Service::publish() {
  auto set = std::make_shared<EndpointSet>();
  std::optional<base::Error> failure;
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const Known& known = known_[i];
    if (known.failure) failure = known.failure;
    for (const base::Address& address : known.addresses)
      upstream::add(*set, address, names_.endpoints[i].weight);
  }
  if (set->addresses.empty()) {
    if (!is_settled()) return;
    set->failure = failure;
  }
  if (published_ && is_same(*published_->set, *set)) return;
  published_ = std::make_shared<PublishedEndpoints>(PublishedEndpoints{names_, std::move(set)});
  discovery_.publish_(published_);
}

std::shared_ptr<const EndpointSet> fixed_endpoints(const config::Cluster& cluster) {
  auto set = std::make_shared<EndpointSet>();
  for (const config::Endpoint& endpoint : cluster.endpoints) {
    const std::optional<base::Address> address = fixed_address(endpoint);
    if (!address) return nullptr;
    add(*set, *address, endpoint.weight);
  }
  return set;
}

Discovery::Discovery(base::EventLoop& loop, net::Resolver& resolver, Publish publish)
    : loop_(loop), resolver_(resolver), publish_(std::move(publish)) {}

Discovery::~Discovery() = default;

void Discovery::follow(const std::vector<const config::Config*>& configs) {
  std::vector<const config::Cluster*> wanted;
  for (const config::Config* config : configs)
    for (const config::Cluster& cluster : config->clusters)
      if (!fixed_endpoints(cluster)) wanted.push_back(&cluster);
  for (const config::Cluster* cluster : wanted)
    if (std::none_of(services_.begin(), services_.end(),
                     [&](const auto& service) { return service->names().are_of(*cluster); }))
      add(*cluster);
  std::erase_if(services_, [&](const auto& service) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const config::Cluster* cluster) {
      return service->names().are_of(*cluster);
    });
  });
  std::erase_if(failures_, [&](const auto& of) {
    return std::none_of(wanted.begin(), wanted.end(), [&](const config::Cluster* cluster) {
      return cluster->name == of.first;
    });
  });
}

void Discovery::add(const config::Cluster& cluster) {
  auto service = std::make_unique<Service>(*this, cluster);
  for (const auto& other : services_) service->learn_from(*other);
  failures_.try_emplace(cluster.name);
  services_.push_back(std::move(service));
  services_.back()->start();
}

bool Discovery::is_settled() const {
  return std::all_of(services_.begin(), services_.end(),
                     [](const auto& service) { return service->is_settled(); });
}

std::vector<std::shared_ptr<const PublishedEndpoints>> Discovery::published() const {
  std::vector<std::shared_ptr<const PublishedEndpoints>> all;
  for (const auto& service : services_)
    if (service->published()) all.push_back(service->published());
  return all;
}

}  // namespace upstream
