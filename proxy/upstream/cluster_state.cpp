#include "proxy/upstream/cluster_state.hpp"

#include "proxy/base/number_of.hpp"

#include <algorithm>
#include <utility>

namespace upstream {
namespace {

// Of the metrics: the mutex keeps threads apart, so one shard serves all.
constexpr std::size_t shard = 0;

constexpr std::uint64_t all_percent = 10'000;  // 100 %

constexpr std::chrono::minutes refusal_holds{1};
constexpr std::chrono::seconds between_outages{10};  // of one endpoint, in the log

std::string in_seconds(base::Duration duration) {
  return std::to_string((duration + std::chrono::milliseconds(500)) / std::chrono::seconds(1)) +
         " s";
}

std::string times(std::uint32_t count) {
  return count == 1 ? "" : ", for the " + std::to_string(count) + ". time";
}

// Whether one more may be: rounded down, so that a single endpoint is never ejected.
bool may_eject(const config::Outlier& rules, const ClusterState::States& among) {
  const auto ejected = static_cast<std::uint64_t>(std::count_if(
      among.begin(), among.end(), [](const auto& each) { return each->is_ejected(); }));
  return ejected + 1 <= among.size() * rules.max_ejected / all_percent;
}

}  // namespace

ClusterState::ClusterState(std::string name, base::Log* log, stats::Registry* metrics)
    : name_(std::move(name)), log_(log) {
  if (!metrics) return;
  ejected_ =
      &metrics->counter("outrider_outlier_ejections_total",
                        "Endpoints that were ejected because they failed.", {{"cluster", name_}});
  returned_ =
      &metrics->counter("outrider_outlier_returns_total",
                        "Endpoints that came back after they were ejected.", {{"cluster", name_}});
}

std::shared_ptr<EndpointState> ClusterState::at(const std::string& address, base::Time now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(endpoints_, [](const auto& each) { return each.second.expired(); });
  std::weak_ptr<EndpointState>& here = endpoints_[address];
  std::shared_ptr<EndpointState> state = here.lock();
  if (!state) here = state = std::make_shared<EndpointState>(address, now);
  return state;
}

void ClusterState::failed(const EndpointFailure& failure, const config::Outlier& rules,
                          const States& among, base::Time now, base::Random& random) {
  EndpointState& endpoint = failure.of;
  const std::uint32_t failures = endpoint.failures_.fetch_add(1, std::memory_order_relaxed) + 1;
  if (failures < rules.consecutive_failures) return;
  const std::lock_guard lock(mutex_);
  if (!endpoint.is_ejected() && may_eject(rules, among)) eject(failure, rules, now, random);
}

void ClusterState::eject(const EndpointFailure& failure, const config::Outlier& rules,
                         base::Time now, base::Random& random) {
  EndpointState& endpoint = failure.of;
  const std::uint32_t failures = endpoint.failures();
  const base::Duration time = endpoint.ejections_.next(rules.eject_for, now, random.unit());
  endpoint.was_unreachable_ = failure.was_unreachable;
  endpoint.failures_.store(0, std::memory_order_relaxed);
  EndpointState::store(endpoint.ejected_until_, now + time);
  changed();
  if (ejected_) ejected_->add(shard);
  tell(base::Level::warning, endpoint,
       "is ejected for " + in_seconds(time) + times(endpoint.ejections_.count()) + ": " +
           base::number_of(failures, "failure") + " in a row, the last: " + failure.what);
}

void ClusterState::unreachable(EndpointState& endpoint, const base::Error& why, base::Time now) {
  {
    const std::lock_guard lock(mutex_);
    endpoint.unreachable_by_.fetch_add(1, std::memory_order_relaxed);
  }
  still_unreachable(endpoint, why, now);
}

// Who comes and goes many times within that is told once. The beginning of what lasts is told by who dials.
void ClusterState::still_unreachable(EndpointState& endpoint, const base::Error& why,
                                     base::Time now) {
  const std::lock_guard lock(mutex_);
  if (endpoint.is_outage_told_ || now < endpoint.next_telling_) return;
  endpoint.is_outage_told_ = true;
  endpoint.next_telling_ = now + between_outages;
  if (!why.lasting) tell(base::Level::warning, endpoint, "is unreachable: " + in_words(why));
}

bool ClusterState::end_outage(EndpointState& endpoint) {
  return endpoint.unreachable_by_.load(std::memory_order_relaxed) > 0 &&
         endpoint.unreachable_by_.fetch_sub(1, std::memory_order_relaxed) == 1;
}

void ClusterState::let_go(EndpointState& endpoint) {
  const std::lock_guard lock(mutex_);
  if (end_outage(endpoint)) endpoint.is_outage_told_ = false;
}

void ClusterState::connected(EndpointState& endpoint, base::Time now) {
  const std::lock_guard lock(mutex_);
  if (end_outage(endpoint) && std::exchange(endpoint.is_outage_told_, false))
    tell(base::Level::info, endpoint, "is reachable again");
  if (endpoint.is_ejected() && endpoint.was_unreachable_)
    take_back(endpoint, now, "it is reachable again");
}

// Who never answers anybody is not asked whether it is back: it is taken for it after a while.
void ClusterState::refused(EndpointState& endpoint, const base::Error& why, base::Time now) {
  {
    const std::lock_guard lock(mutex_);
    if (now >= EndpointState::load(endpoint.refused_until_)) endpoint.is_outage_told_ = false;
    EndpointState::store(endpoint.refused_until_, now + refusal_holds);
    endpoint.refusal_ = in_words(why);
  }
  still_unreachable(endpoint, why, now);
}

void ClusterState::answered(EndpointState& endpoint) {
  const std::lock_guard lock(mutex_);
  EndpointState::store(endpoint.refused_until_, base::Time::min());
  endpoint.refusal_.clear();
  if (std::exchange(endpoint.is_outage_told_, false))
    tell(base::Level::info, endpoint, "is reachable again");
}

std::string ClusterState::refusal_of(const EndpointState& endpoint, base::Time now) {
  const std::lock_guard lock(mutex_);
  return now < EndpointState::load(endpoint.refused_until_) ? endpoint.refusal_ : "";
}

void ClusterState::checked(EndpointState& endpoint, bool is_healthy, const std::string& why,
                           base::Time now) {
  const std::lock_guard lock(mutex_);
  endpoint.is_unhealthy_.store(!is_healthy, std::memory_order_relaxed);
  if (is_healthy) EndpointState::store(endpoint.fit_since_, now);
  changed();
  tell(is_healthy ? base::Level::info : base::Level::warning, endpoint,
       (is_healthy ? "is healthy again: " : "is unhealthy: ") + why);
}

void ClusterState::settle(base::Time now) {
  const std::lock_guard lock(mutex_);
  for (const auto& [address, held] : endpoints_)
    if (const auto endpoint = held.lock();
        endpoint && endpoint->is_ejected() && endpoint->ejected_until() <= now)
      take_back(*endpoint, now, "its time is over");
}

void ClusterState::take_back(EndpointState& endpoint, base::Time now, std::string_view why) {
  EndpointState::store(endpoint.ejected_until_, base::Time::min());
  EndpointState::store(endpoint.fit_since_, now);
  endpoint.failures_.store(0, std::memory_order_relaxed);
  endpoint.ejections_.returned(now);
  changed();
  if (returned_) returned_->add(shard);
  tell(base::Level::info, endpoint, "is no longer ejected: " + std::string(why));
}

void ClusterState::tell(base::Level level, const EndpointState& endpoint, const std::string& what) {
  if (!log_) return;
  const std::string line = "cluster " + name_ + ": endpoint " + endpoint.address + ' ' + what;
  level == base::Level::warning ? log_->warning(line) : log_->info(line);
}

std::shared_ptr<ClusterState> ClusterStates::of(const std::string& cluster) {
  const std::lock_guard lock(mutex_);
  std::erase_if(clusters_, [](const auto& each) { return each.second.expired(); });
  std::weak_ptr<ClusterState>& here = clusters_[cluster];
  std::shared_ptr<ClusterState> state = here.lock();
  if (!state) here = state = std::make_shared<ClusterState>(cluster, log_, metrics_);
  return state;
}

}  // namespace upstream
