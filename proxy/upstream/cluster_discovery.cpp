#include "proxy/upstream/cluster_discovery.hpp"

#include "proxy/base/number_of.hpp"
#include "proxy/upstream/hash_table.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace upstream {
namespace {

constexpr std::chrono::seconds local_ttl{60};      // of /etc/hosts, which has none
constexpr std::chrono::seconds longest_retry{30};  // after failures in a row
constexpr int most_doublings = 5;
constexpr std::uint32_t most_weight = 1000;        // as in the configuration
constexpr std::chrono::seconds longest_race{2};
constexpr std::chrono::minutes race_holds{10};
constexpr std::chrono::seconds race_lost_holds{30};  // by both

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

bool is_same(const EndpointSet& a, const EndpointSet& b) {
  return a.failure.has_value() == b.failure.has_value() && a.addresses == b.addresses;
}

bool is_same_name(const config::Endpoint& a, const config::Endpoint& b) {
  return a.host == b.host && a.port == b.port && a.is_unix == b.is_unix;
}

bool is_ipv6(const base::Address& address) {
  return address.family() == AF_INET6;
}

base::Duration pause_after(base::Duration ttl, const config::Dns& dns) {
  return std::clamp<base::Duration>(ttl, dns.min_ttl, dns.max_ttl);
}

base::Duration pause_after_failures(int failures, const config::Dns& dns) {
  const base::Duration pause = dns.min_ttl * (1 << std::min(failures - 1, most_doublings));
  return std::clamp<base::Duration>(pause, dns.min_ttl,
                                    std::max<base::Duration>(dns.min_ttl, longest_retry));
}

// From 1 to 1000, in the proportion that they have; 0 stands for a small chance (RFC 2782).
std::uint32_t scaled(std::uint32_t weight, std::uint32_t most) {
  return most == 0 ? 1 : std::max(1U, (weight * most_weight + most / 2) / most);
}

}  // namespace

std::optional<base::Address> fixed_address(const config::Endpoint& endpoint) {
  if (endpoint.is_unix) return base::Address::parse("unix:" + endpoint.host);
  return base::Address::parse_ip(endpoint.host, endpoint.port);
}

void add(EndpointSet& set, const WeightedAddress& one) {
  const auto is_there = [&](const WeightedAddress& each) { return each.address == one.address; };
  if (std::none_of(set.addresses.begin(), set.addresses.end(), is_there))
    set.addresses.push_back(one);
}

// Which family won when the addresses of a name were last raced, and when that is done again.
struct ClusterDiscovery::Race {
  std::vector<base::Address> of;
  base::Time again = base::Time::min();
  std::optional<net::IpVersion> winner;
};

ClusterDiscovery::ClusterDiscovery(Discovery& discovery, const config::Cluster& cluster,
                                   config::Hidden hidden)
    : discovery_(discovery),
      parts_(discovery.parts_),
      names_(cluster),
      mark_(cluster.mark),
      hidden_(std::move(hidden)),
      tasks_(discovery.parts_.loop) {
  if (names_.discovery) return;
  is_source_asked_ = true;
  for (const config::Endpoint& endpoint : names_.endpoints)
    targets_.push_back(std::make_unique<Target>(Target{{endpoint, 0}, {}, {}}));
}

ClusterDiscovery::~ClusterDiscovery() = default;

void ClusterDiscovery::learn_from(const ClusterDiscovery& other) {
  if (names_.discovery && names_.discovery == other.names_.discovery) {
    is_source_asked_ = other.is_source_asked_;
    source_failure_ = other.source_failure_;
    source_ = other.source_;
    targets_.clear();
    for (const auto& target : other.targets_)
      targets_.push_back(std::make_unique<Target>(Target{target->listed, {}, {}}));
  }
  if (names_.dns.family != other.names_.dns.family) return;
  for (const auto& target : targets_)
    for (const auto& known : other.targets_)
      if (is_same_name(target->listed.endpoint, known->listed.endpoint) &&
          !known->known.addresses.empty())
        target->known = known->known;
}

void ClusterDiscovery::start() {
  for (const auto& target : targets_) start(*target);
  if (names_.discovery)
    tasks_.spawn(names_.discovery->file.empty() ? follow_srv() : follow_file()).release();
  publish();
}

void ClusterDiscovery::start(Target& target) {
  if (const auto address = fixed_address(target.listed.endpoint))
    target.known = {true, {*address}, {}, {}};
  else
    target.task = tasks_.spawn(follow_name(target));
}

bool ClusterDiscovery::is_settled() const {
  return is_source_asked_ &&
         std::all_of(targets_.begin(), targets_.end(),
                     [](const auto& target) { return target->known.is_asked; });
}

// From now on these targets; what is known of one that stays is kept.
void ClusterDiscovery::list(std::vector<Listed> listed) {
  std::vector<std::unique_ptr<Target>> before = std::exchange(targets_, {});
  for (Listed& each : listed) {
    const auto stays = std::find_if(before.begin(), before.end(), [&](const auto& target) {
      return target && is_same_name(target->listed.endpoint, each.endpoint);
    });
    if (stays == before.end()) {
      targets_.push_back(std::make_unique<Target>(Target{std::move(each), {}, {}}));
    } else {
      (*stays)->listed = std::move(each);
      targets_.push_back(std::move(*stays));
    }
  }
  // A name that is answered at once publishes, and then finds all of them there.
  for (std::size_t i = 0; i < targets_.size(); ++i)
    if (!targets_[i]->known.is_asked && !targets_[i]->task.is_running()) start(*targets_[i]);
}

// What the source says by now.
void ClusterDiscovery::source_read(std::vector<Listed> listed, const std::string& where) {
  const bool is_new = !std::equal(
      targets_.begin(), targets_.end(), listed.begin(), listed.end(),
      [](const auto& target, const Listed& each) { return target->listed == each; });
  const bool is_told = is_new || !is_source_asked_ || !source_.is_good;
  is_source_asked_ = true;
  source_failure_.reset();
  source_ = {true, listed.empty() ? shown(where + " lists no endpoint") : ""};
  if (is_told && listed.empty()) warn(where + " lists no endpoint");
  if (is_told && !listed.empty())
    say(base::number_of(listed.size(), "endpoint") + " listed by " + where);
  if (is_new) list(std::move(listed));
  publish();
}

// What it said last stays; of one that never said anything there is nothing but the error.
void ClusterDiscovery::source_failed(const base::Error& error, const std::string& why) {
  const bool is_in_force = is_source_asked_ && !source_failure_;
  is_source_asked_ = true;
  if (!is_in_force) source_failure_ = error;
  const std::string problem =
      why + (is_in_force ? "; what was listed before stays" : "; it has no endpoint");
  if (source_.problem != shown(problem)) warn(problem);
  source_ = {false, shown(problem)};
  publish();
}

base::Task<> ClusterDiscovery::follow_srv() {
  const config::Dns& dns = names_.dns;
  const std::string name = names_.discovery->srv;
  int failures = 0;
  for (;;) {
    base::Result<net::SrvAnswer> found =
        co_await parts_.resolver.resolve_srv(name, dns.timeout);
    base::Duration pause{};
    if (found) {
      failures = 0;
      pause = pause_after(found->ttl, dns);
      source_read(listed_by(*found), name);
    } else {
      pause = pause_after_failures(++failures, dns);
      ++discovery_.failures_[names_.cluster];
      source_failed(found.error(), name + ": " + in_words(found.error()));
    }
    co_await base::sleep_until(parts_.loop, parts_.loop.now() + pause);
  }
}

// In an order that does not change from answer to answer.
std::vector<ClusterDiscovery::Listed> ClusterDiscovery::listed_by(const net::SrvAnswer& answer) {
  std::map<std::uint16_t, std::uint16_t> most;  // weight, by priority
  for (const net::SrvRecord& record : answer.records)
    most[record.priority] = std::max(most[record.priority], record.weight);
  std::vector<Listed> listed;
  for (const net::SrvRecord& record : answer.records) {
    config::Endpoint endpoint;
    endpoint.host = record.target;
    endpoint.port = record.port;
    endpoint.weight = scaled(record.weight, most[record.priority]);
    listed.push_back({std::move(endpoint), record.priority});
  }
  std::sort(listed.begin(), listed.end(), [](const Listed& a, const Listed& b) {
    return std::tie(a.priority, a.endpoint.host, a.endpoint.port) <
           std::tie(b.priority, b.endpoint.host, b.endpoint.port);
  });
  return listed;
}

base::Task<> ClusterDiscovery::follow_name(Target& target) {
  const config::Dns& dns = names_.dns;
  const std::string name = target.listed.endpoint.host;
  const std::uint16_t port = target.listed.endpoint.port;
  int failures = 0;
  Race race;
  for (;;) {
    net::Question question{name, port, family_of(dns.family), dns.timeout};
    base::Result<net::Resolved> found = co_await parts_.resolver.resolve(std::move(question));
    base::Duration pause{};
    if (found) {
      Known known{true, std::move(found->addresses), {}, {}};
      pause = pause_after(found->is_local ? base::Duration(local_ttl) : found->ttl, dns);
      if (!found->is_local) co_await prefer_family(known, race);
      if (failures > 0) say(name + " is resolved again");
      failures = 0;
      target.known = std::move(known);
    } else {
      pause = pause_after_failures(++failures, dns);
      ++discovery_.failures_[names_.cluster];
      target.known.is_asked = true;
      target.known.failure = found.error();
      if (failures == 1)
        warn(name + ": " + in_words(found.error()) +
             (target.known.addresses.empty() ? "" : "; what it stood for stays"));
    }
    publish();
    co_await base::sleep_until(parts_.loop, parts_.loop.now() + pause);
  }
}

// Where there are addresses of both families, those of the one that is connected to sooner are used
// and the others stand by; IPv4's if neither could be.
base::Task<> ClusterDiscovery::prefer_family(Known& found, Race& race) {
  const auto ipv6 = std::find_if(found.addresses.begin(), found.addresses.end(), is_ipv6);
  const auto ipv4 = std::find_if_not(found.addresses.begin(), found.addresses.end(), is_ipv6);
  if (ipv6 == found.addresses.end() || ipv4 == found.addresses.end()) co_return;
  const base::Time now = parts_.loop.now();
  if (race.of != found.addresses || race.again <= now) {
    race.winner = co_await net::race_families(parts_.loop, *ipv6, *ipv4, now + longest_race);
    race.of = found.addresses;
    race.again = now + (race.winner ? base::Duration(race_holds) : base::Duration(race_lost_holds));
  }
  found.preferred = race.winner.value_or(net::IpVersion::ipv4);
}

// A set without addresses fails the exchanges that wait for them: it is not published while
// something was never answered.
void ClusterDiscovery::publish() {
  auto set = std::make_shared<EndpointSet>();
  std::optional<base::Error> failure = source_failure_;
  for (const auto& target : targets_) {
    const Known& known = target->known;
    if (known.failure) failure = known.failure;
    for (const base::Address& address : known.addresses) {
      const bool stands_by =
          known.preferred && is_ipv6(address) != (*known.preferred == net::IpVersion::ipv6);
      upstream::add(*set, {address, target->listed.endpoint.weight,
                           2 * target->listed.priority + (stands_by ? 1U : 0U),
                           target->listed.endpoint.zone});
    }
  }
  if (set->addresses.empty()) {
    if (!is_settled()) return;
    set->failure = failure;
  }
  if (published_ && is_same(*published_->set, *set)) return;
  set->table = HashTable::of(names_.load_balancer, set->addresses);
  published_ = std::make_shared<PublishedEndpoints>(PublishedEndpoints{names_, std::move(set)});
  discovery_.publish_(published_);
}

std::string ClusterDiscovery::shown(std::string message) const {
  if (names_.discovery)
    for (const auto& [text, mark] : names_.discovery->places)
      message = hidden_.without(mark, std::move(message));
  return hidden_.without(mark_, std::move(message));
}

void ClusterDiscovery::warn(const std::string& what) {
  parts_.log.warning(shown("cluster " + names_.cluster + ": " + what));
}

void ClusterDiscovery::say(const std::string& what) {
  parts_.log.info(shown("cluster " + names_.cluster + ": " + what));
}

}  // namespace upstream
