#include "proxy/simulate/origin.hpp"

#include "proxy/simulate/dialer.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace simulate {
namespace {

using base::Duration;
using base::Time;

Duration from_millis(double millis) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double, std::milli>(millis));
}

}  // namespace

Origin::Origin(std::string service, std::size_t number, const ServiceRules& rules,
               std::uint64_t seed, OriginObserver& observer)
    : service_(std::move(service)),
      number_(number),
      rules_(rules),
      random_(seed),
      observer_(observer),
      warm_(rules.cache ? rules.cache->warm_after : 0) {
  for (std::uint64_t i = 0; i < rules.servers; ++i) free_.push(Time::min());
}

void Origin::expect(const Happening& event, Time begin) {
  const Time until =
      event.length == Millis{0} ? base::never : begin + event.at + event.length;
  Periods& all =
      event.is_recorded() ? recorded_ : periods_[static_cast<std::size_t>(event.what)];
  const Period made{begin + event.at, until, event.factor, event.share,
                    static_cast<int>(event.status), &event, until};
  const auto begins_before = [](const Period& a, const Period& b) { return a.from < b.from; };
  auto at = all.insert(std::upper_bound(all.begin(), all.end(), made, begins_before), made);
  for (; at != all.end(); ++at)
    at->latest = at == all.begin() ? at->until : std::max(at->until, std::prev(at)->latest);
}

void Origin::happens(const Happening& event, Time now) {
  switch (event.what) {
    case Trouble::away: {
      const std::vector<Connection*> all = connections;
      for (Connection* each : all) each->lose();
      while (!free_.empty()) free_.pop();  // what it worked on is gone with it
      for (std::uint64_t i = 0; i < rules_.servers; ++i) free_.push(Time::min());
      starts_.clear();
      surplus_ = 0;
      break;
    }
    case Trouble::cache_lost:
      warm_ = 0;
      break;
    case Trouble::servers:
      set_servers(event.count, now);
      break;
    default:
      break;
  }
}

// Those that are too many go when they have done what they do.
void Origin::set_servers(std::uint64_t count, Time now) {
  const std::uint64_t present = free_.size() - std::min<std::uint64_t>(surplus_, free_.size());
  if (count >= present) {
    const std::uint64_t more = count - present;
    const std::uint64_t kept = std::min(more, surplus_);
    surplus_ -= kept;
    for (std::uint64_t i = kept; i < more; ++i) free_.push(now);
  } else {
    surplus_ += present - count;
  }
}

const Origin::Period* Origin::find(const Periods& all, Time now) {
  auto each = std::upper_bound(all.begin(), all.end(), now,
                               [](Time time, const Period& other) { return time < other.from; });
  while (each != all.begin() && now < std::prev(each)->latest)
    if (now < (--each)->until) return &*each;
  return nullptr;
}

// One that goes on as another ends counts with it.
Time Origin::end_of(Trouble what, Time now) const {
  Time end = Time::min();
  while (const Period* period = find(what, std::max(end, now))) end = period->until;
  return end;
}

Answer Origin::take(Time now) {
  ++requests_;
  observer_.arrived(*this);
  Time start = now;
  if (!free_.empty()) {
    for (; surplus_ > 0 && free_.size() > 1; --surplus_) free_.pop();
    start = std::max(now, free_.top());
    if (start > now && waiting(now) >= rules_.queue) {
      ++overflows_;
      return {now, 503};
    }
  }
  const Time done = past_pauses(start, work(start));
  if (!free_.empty()) {
    free_.pop();
    free_.push(done);
    if (start > now) starts_.push_back(start);
  }
  Answer answer{std::max(done, silent_until(now)), 200};
  if (const Period* errors = find(Trouble::errors, start);
      errors && random_.below(10'000) < errors->share)
    answer.status = errors->status;
  else
    end_as_recorded(start, answer);
  return answer;
}

// What came too late then does not come at all: how long that is, the policies decide.
void Origin::end_as_recorded(Time start, Answer& answer) {
  const Period* period = find(recorded_, start);
  if (!period) return;
  std::uint64_t drawn = random_.below(period->event->answers);
  for (const RecordedEnd& end : period->event->recorded) {
    if (drawn >= end.count) {
      drawn -= end.count;
      continue;
    }
    const bool was_late = end.reason == base::Reason::response_timeout ||
                          end.reason == base::Reason::total_timeout;
    if (was_late)
      answer.at = base::never;
    else if (end.reason != base::Reason::none)
      answer.reason = end.reason;
    else
      answer.status = end.status;
    return;
  }
}

std::size_t Origin::waiting(Time now) {
  while (!starts_.empty() && starts_.front() <= now) starts_.pop_front();
  return starts_.size();
}

void Origin::was_in_time() {
  if (rules_.cache && warm_ < rules_.cache->warm_after) ++warm_;
}

double Origin::drawn() {
  if (!rules_.recorded.empty()) return rules_.recorded[random_.below(rules_.recorded.size())];
  const auto mean = static_cast<double>(rules_.time.count());
  switch (rules_.spread) {
    case Spread::fixed:
      return mean;
    case Spread::uniform:
      return mean * random_.between(0.5, 1.5);
    case Spread::exponential:
      return -mean * std::log(1 - random_.unit());
    case Spread::heavy: {  // log-normal, sigma 1
      const double normal = std::sqrt(-2 * std::log(1 - random_.unit())) *
                            std::cos(2 * 3.14159265358979323846 * random_.unit());
      return mean * std::exp(normal - 0.5);
    }
  }
  return mean;
}

// What a server has to do for one request that it begins then.
Duration Origin::work(Time start) {
  double millis = drawn();
  if (const Period* slow = find(Trouble::slow, start)) millis *= static_cast<double>(slow->factor);
  if (rules_.cache) {
    const bool hits = random_.below(rules_.cache->warm_after) < warm_;
    if (!hits) millis *= static_cast<double>(rules_.cache->miss);
  }
  return from_millis(millis);
}

// When so much is done that is begun then: during a pause nothing is.
Time Origin::past_pauses(Time start, Duration work) const {
  Time done = start + work;
  Time seen = start;  // pauses that overlap stand still once
  for (const Period& pause : all_of(Trouble::pause)) {
    if (pause.until <= seen || pause.from >= done) continue;
    done += pause.until - std::max(seen, pause.from);
    seen = pause.until;
  }
  return done;
}

}  // namespace simulate
