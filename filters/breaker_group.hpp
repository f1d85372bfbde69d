// The circuit breakers of one place: one for all that passes there, or with a `scope` one for each
// route or endpoint, made when it is first asked for and kept for as long as a filter has it. What an
// operator said of the place holds for all of them, also for those to come, and what was said of one
// for the next of that part. Any thread.
#pragma once

#include "filters/breaker.hpp"
#include "filters/filter_context.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filters {

// What an operator said of one place and of its parts; outlives a change of the filter that stands
// there, and the process that it was said to. Any thread.
class BreakerSwitch {
 public:
  // The one of that place, as long as somebody keeps it.
  static std::shared_ptr<BreakerSwitch> at(const std::string& place, SharedState& shared);
  static constexpr const char* kind = "breaker_switch";

  Breaker::Mode of(std::string_view part) const;
  // "" = the place as a whole, whatever was said of its parts.
  void set(std::string_view part, Breaker::Mode mode);
  // All that is not as it is by itself, the place as a whole first.
  using Said = std::vector<std::pair<std::string, Breaker::Mode>>;
  Said said() const;

 private:
  mutable std::mutex mutex_;
  Breaker::Mode whole_ = Breaker::Mode::automatic;
  std::map<std::string, Breaker::Mode, std::less<>> by_part_;
};

class BreakerGroup {
 public:
  // shards: see SlidingCounts.
  BreakerGroup(const BreakerSettings& settings, std::size_t shards,
               std::shared_ptr<BreakerSwitch> by_hand);

  // part: the route or the endpoint; "" = the place as a whole.
  std::shared_ptr<Breaker> of(std::string_view part);
  // Those that are in use, each with its part.
  using Members = std::vector<std::pair<std::string, std::shared_ptr<Breaker>>>;
  Members members() const;
  // What was said of parts that are not in use, as yet or any more.
  BreakerSwitch::Said not_in_use() const;
  // The one of that part, "" = all, present and to come. False: there is none of that part, nor was
  // anything said of it.
  bool set(std::string_view part, Breaker::Mode mode, base::Time now);

 private:
  const BreakerSettings settings_;
  const std::size_t shards_;
  const std::shared_ptr<BreakerSwitch> by_hand_;
  mutable std::mutex mutex_;
  std::map<std::string, std::weak_ptr<Breaker>, std::less<>> by_part_;
};

}  // namespace filters
