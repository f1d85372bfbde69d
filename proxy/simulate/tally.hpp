// What is counted in a simulated world: of each way that requests took, of each endpoint, and of
// each moment. Plain values, filled in as things happen.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/http/stream_info.hpp"
#include "proxy/simulate/latencies.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace simulate {

// Of all, of a way, or of a moment. What was offered then is admitted or refused, by a policy and
// before anybody was asked; what was admitted succeeded or failed.
struct Counts {
  std::uint64_t offered = 0;
  std::uint64_t refused = 0;
  std::uint64_t failed = 0;
  std::uint64_t succeeded = 0;
  std::uint64_t retries = 0;         // further attempts
  std::uint64_t retries_denied = 0;  // exchanges to which one was due that was not made
  Latencies latencies;               // of those that succeeded

  std::uint64_t ended() const { return refused + failed + succeeded; }
  std::uint64_t admitted() const { return failed + succeeded; }
};

struct Way {
  Counts counts;
  std::map<std::string, std::uint64_t> refusals;  // by their reason
  std::map<std::string, std::uint64_t> failures;  // by their reason, or "status 503"
};

// Listener, route, cluster; the last two "" if there is none.
struct WayKey {
  std::string_view listener, route, cluster;
  auto operator<=>(const WayKey&) const = default;
};

struct Moment {
  Counts counts;
  std::uint64_t upstream = 0;  // requests that arrived at endpoints
};

struct Transition {
  base::Duration at;
  std::size_t sidecar;  // from 1
  std::string place;
  std::string state;
};

class Tally {
 public:
  Tally(base::Time begin, base::Duration length, base::Duration step);

  // An exchange begun `now`, and one that has ended.
  void offered(base::Time now) { ++moment_of(now).counts.offered; }
  void ended(const http::StreamInfo& info);
  void arrived(base::Time now);
  void changed(base::Time now, std::size_t sidecar, std::string_view place, std::string_view state);

  // --- when all is over ---
  Counts total() const;
  const std::map<WayKey, Way>& ways() const { return ways_; }
  const std::vector<Moment>& moments() const { return moments_; }
  base::Duration step() const { return step_; }
  std::uint64_t upstream() const { return upstream_; }
  // The first ones, and how many there were.
  const std::vector<Transition>& transitions() const { return transitions_; }
  std::uint64_t changes() const { return changes_; }

 private:
  Moment& moment_of(base::Time time);

  const base::Time begin_;
  const base::Duration step_;
  std::vector<Moment> moments_;
  std::map<WayKey, Way> ways_;
  std::vector<Transition> transitions_;
  std::uint64_t changes_ = 0;
  std::uint64_t upstream_ = 0;
};

}  // namespace simulate
