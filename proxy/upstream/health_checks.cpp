#include "proxy/upstream/health_checks.hpp"

#include "proxy/base/event.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

constexpr double jitter = 0.15;

std::string authority_of(const config::Cluster& cluster, const base::Address& address) {
  if (cluster.host == config::HostRule::url) return cluster.url_authority;
  if (cluster.host == config::HostRule::fixed) return cluster.fixed_host;
  return address.is_ip() ? address.to_string() : "localhost";
}

std::string checks_in_a_row(std::uint64_t count) {
  return count == 1 ? "a health check" : std::to_string(count) + " health checks in a row";
}

stats::Counter& counter_of(stats::Registry& metrics, const std::string& cluster,
                           std::string_view outcome) {
  return metrics.counter("outrider_health_checks_total", "Health checks, by what they found.",
                         {{"cluster", cluster}, {"outcome", outcome}});
}

}  // namespace

bool HealthCount::changes(bool succeeded, const config::Health& rules) {
  if (succeeded == is_healthy_) {
    contrary_ = 0;
    return false;
  }
  if (++contrary_ < (is_healthy_ ? rules.unhealthy_after : rules.healthy_after)) return false;
  is_healthy_ = succeeded;
  contrary_ = 0;
  return true;
}

// Of one endpoint.
class HealthChecks::Check {
 public:
  Check(HealthChecks& of, const CheckedCluster& cluster, const base::Address& address)
      : loop_(of.loop_),
        shard_(of.shard_),
        cluster_(cluster.config.name),
        state_(of.states_.of(cluster_)),
        endpoint_(state_->at(address.to_string(), loop_.now())),
        count_(!endpoint_->is_unhealthy()),
        successes_(counter_of(of.metrics_, cluster_, "success")),
        failures_(counter_of(of.metrics_, cluster_, "failure")),
        probe_{*cluster.config.health,
               cluster.config.protocol,
               cluster.config.proxy_protocol,
               authority_of(cluster.config, address),
               address,
               cluster.tls},
        tasks_(loop_) {
    tasks_.spawn(run()).release();
  }

  bool is_of(const CheckedCluster& cluster, const base::Address& address) const {
    return cluster_ == cluster.config.name && probe_.address == address &&
           probe_.health == *cluster.config.health && probe_.protocol == cluster.config.protocol &&
           probe_.proxy_protocol == cluster.config.proxy_protocol &&
           probe_.authority == authority_of(cluster.config, address);
  }
  bool is_about(const std::string& cluster) const { return cluster_ == cluster; }
  const EndpointState& endpoint() const { return *endpoint_; }
  void renew_tls(std::shared_ptr<const certs::TlsContext> tls) { probe_.tls = std::move(tls); }
  // No configuration has this check any more: the endpoint counts as healthy.
  void forget() {
    if (endpoint_->is_unhealthy())
      state_->checked(*endpoint_, true, "it is no longer checked", loop_.now());
  }

 private:
  // The first comes soon, but not that of all sidecars at once.
  base::Task<> run() {
    base::Duration pause = part_of_interval(loop_.random().between(0, jitter));
    for (;;) {
      co_await base::sleep_until(loop_, loop_.now() + pause);
      const HealthProbe probe = probe_;
      const std::string why = co_await ask_health(loop_, probe);
      (why.empty() ? successes_ : failures_).add(shard_);
      if (count_.changes(why.empty(), probe_.health)) tell(why);
      pause = part_of_interval(loop_.random().between(1 - jitter, 1 + jitter));
    }
  }
  base::Duration part_of_interval(double part) const {
    return std::chrono::duration_cast<base::Duration>(probe_.health.interval * part);
  }
  void tell(const std::string& why) {
    const config::Health& rules = probe_.health;
    const std::string words =
        count_.is_healthy()
            ? checks_in_a_row(rules.healthy_after) + " succeeded"
        : rules.unhealthy_after == 1
            ? "its health check failed: " + why
            : checks_in_a_row(rules.unhealthy_after) + " failed, the last: " + why;
    state_->checked(*endpoint_, count_.is_healthy(), words, loop_.now());
  }

  base::EventLoop& loop_;
  const std::size_t shard_;
  const std::string cluster_;
  const std::shared_ptr<ClusterState> state_;
  const std::shared_ptr<EndpointState> endpoint_;
  HealthCount count_;
  stats::Counter& successes_;
  stats::Counter& failures_;
  HealthProbe probe_;
  base::TaskGroup tasks_;
};

HealthChecks::HealthChecks(base::EventLoop& loop, ClusterStates& states, stats::Registry& metrics,
                           std::size_t shard)
    : loop_(loop), states_(states), metrics_(metrics), shard_(shard) {}

HealthChecks::~HealthChecks() = default;

// A check that stays is moved over; what is left are those that go.
void HealthChecks::follow(const std::vector<CheckedCluster>& clusters) {
  std::vector<std::unique_ptr<Check>> before = std::exchange(checks_, {});
  for (const CheckedCluster& cluster : clusters) {
    if (!cluster.config.health || !cluster.endpoints) continue;
    for (const WeightedAddress& each : cluster.endpoints->addresses) {
      const auto stays = std::find_if(before.begin(), before.end(), [&](const auto& check) {
        return check && check->is_of(cluster, each.address);
      });
      if (stays == before.end()) {
        checks_.push_back(std::make_unique<Check>(*this, cluster, each.address));
      } else {
        (*stays)->renew_tls(cluster.tls);
        checks_.push_back(std::move(*stays));
      }
    }
  }
  for (const auto& gone : before) {
    const auto is_same = [&](const auto& check) { return &check->endpoint() == &gone->endpoint(); };
    if (gone && std::none_of(checks_.begin(), checks_.end(), is_same)) gone->forget();
  }
}

void HealthChecks::renew_tls(const std::string& cluster,
                             std::shared_ptr<const certs::TlsContext> tls) {
  for (const auto& check : checks_)
    if (check->is_about(cluster)) check->renew_tls(tls);
}

}  // namespace upstream
