// What all workers know together of one endpoint of a cluster: whether it is ejected because it
// failed, whether its health checks pass, and whether it can be connected to. Found by the cluster
// and the address (see ClusterState), so it outlives configurations for as long as one of them has
// it. Any thread.
#pragma once

#include "proxy/base/time.hpp"
#include "proxy/upstream/ejections.hpp"

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>

namespace upstream {

class EndpointState {
 public:
  EndpointState(std::string address_text, base::Time now)
      : address(std::move(address_text)), fit_since_(now.time_since_epoch().count()) {}

  const std::string address;  // as in logs

  bool is_ejected() const { return ejected_until() != base::Time::min(); }
  base::Time ejected_until() const { return load(ejected_until_); }  // Time::min() = it is not
  bool is_unhealthy() const { return is_unhealthy_.load(std::memory_order_relaxed); }
  // One of the workers, at least, cannot connect to it, and goes on trying; or it has refused datagrams
  // of late.
  bool is_unreachable(base::Time now) const {
    return unreachable_by_.load(std::memory_order_relaxed) > 0 || now < load(refused_until_);
  }
  // Datagrams, and was not heard of since.
  bool has_refused() const { return load(refused_until_) != base::Time::min(); }
  bool is_fit() const { return !is_ejected() && !is_unhealthy(); }
  // When it was first known, or came back last.
  base::Time fit_since() const { return load(fit_since_); }
  std::uint32_t failures() const { return failures_.load(std::memory_order_relaxed); }  // in a row

  // The request path: a success costs a look where nothing had failed.
  void succeeded() {
    if (failures() != 0) failures_.store(0, std::memory_order_relaxed);
  }

 private:
  friend class ClusterState;
  using Instant = std::atomic<base::Time::rep>;
  static base::Time load(const Instant& instant) {
    return base::Time(base::Duration(instant.load(std::memory_order_relaxed)));
  }
  static void store(Instant& instant, base::Time time) {
    instant.store(time.time_since_epoch().count(), std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> failures_{0};
  Instant ejected_until_{base::Time::min().time_since_epoch().count()};
  Instant fit_since_;
  std::atomic<bool> is_unhealthy_{false};
  std::atomic<int> unreachable_by_{0};  // workers
  Instant refused_until_{base::Time::min().time_since_epoch().count()};
  // Under the mutex of its ClusterState:
  Ejections ejections_;
  bool was_unreachable_ = false;  // the failure that ejected it was to connect
  bool is_outage_told_ = false;   // in the log
  std::string refusal_;           // of datagrams, in words
  base::Time next_telling_ = base::Time::min();  // of an outage, not before
};

}  // namespace upstream
