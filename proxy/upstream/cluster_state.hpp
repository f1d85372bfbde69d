// What all workers know together of the endpoints of one cluster: who is ejected (outlier) and
// whose health checks fail. Changes are rare and taken under a mutex, told in the log and counted;
// that something has changed a worker sees by the revision, a plain load. Kept by the cluster's
// name for as long as a configuration has it (see ClusterStates). Any thread.
#pragma once

#include "config/model.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/random.hpp"
#include "proxy/stats/registry.hpp"
#include "proxy/upstream/endpoint_state.hpp"

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace upstream {

// An outcome that counts as a failure of its endpoint.
struct EndpointFailure {
  EndpointState& of;
  std::string what;  // a reason or "status 503"
  bool was_unreachable = false;
};

class ClusterState {
 public:
  // Both may be null: then nobody is told. They outlive it.
  ClusterState(std::string name, base::Log* log, stats::Registry* metrics);
  ClusterState(const ClusterState&) = delete;
  ClusterState& operator=(const ClusterState&) = delete;

  // The one at this address; made if there is none.
  std::shared_ptr<EndpointState> at(const std::string& address, base::Time now);
  // Goes up with each change of who is fit.
  std::uint64_t revision() const { return revision_.load(std::memory_order_acquire); }

  // Counts it, and ejects the endpoint when it has failed often enough in a row, unless too many
  // of `among` (the endpoints of whoever asks, this one too) are.
  using States = std::vector<std::shared_ptr<EndpointState>>;
  void failed(const EndpointFailure& failure, const config::Outlier& rules, const States& among,
              base::Time now, base::Random& random);
  // A worker cannot connect to it any more.
  void unreachable(EndpointState& endpoint, const base::Error& why, base::Time now);
  // Still not; told in the log, if it is not yet.
  void still_unreachable(EndpointState& endpoint, const base::Error& why, base::Time now);
  // It can again: an ejection because it could not ends.
  void connected(EndpointState& endpoint, base::Time now);
  // It could not, and has no more to do with it.
  void let_go(EndpointState& endpoint);
  // It refused a datagram: so it may do for a minute, or until one of the workers is answered.
  void refused(EndpointState& endpoint, const base::Error& why, base::Time now);
  void answered(EndpointState& endpoint);
  std::string refusal_of(const EndpointState& endpoint, base::Time now);  // in words; "" = none
  // Its health checks have come to say so; `why`, in words.
  void checked(EndpointState& endpoint, bool is_healthy, const std::string& why, base::Time now);
  // Ends the ejections whose time is over.
  void settle(base::Time now);

 private:
  void eject(const EndpointFailure& failure, const config::Outlier& rules, base::Time now,
             base::Random& random);
  // That of one worker. True: it was the last.
  bool end_outage(EndpointState& endpoint);
  void take_back(EndpointState& endpoint, base::Time now, std::string_view why);
  void tell(base::Level level, const EndpointState& endpoint, const std::string& what);
  void changed() { revision_.fetch_add(1, std::memory_order_release); }

  const std::string name_;
  base::Log* const log_;
  stats::Counter* ejected_ = nullptr;
  stats::Counter* returned_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<EndpointState>> endpoints_;
  std::atomic<std::uint64_t> revision_{1};
};

// All of them, by the cluster's name. Any thread.
class ClusterStates {
 public:
  ClusterStates() = default;  // that tells nobody
  ClusterStates(base::Log& log, stats::Registry& metrics) : log_(&log), metrics_(&metrics) {}
  std::shared_ptr<ClusterState> of(const std::string& cluster);

 private:
  base::Log* log_ = nullptr;
  stats::Registry* metrics_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<ClusterState>> clusters_;
};

}  // namespace upstream
