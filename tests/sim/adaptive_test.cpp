// How the limit of adaptive_concurrency follows what an upstream bears, and how other ways to find
// one would: the filter in a whole sidecar, and bare limits side by side.
#include "filters/gradient_limit.hpp"
#include "tests/sim/simulated.hpp"

#include <algorithm>
#include <queue>

namespace {

using namespace sim_test;
using base::Duration;
using base::Millis;
using base::Time;

TEST_CASE("adaptive concurrency: no queue stays when two thirds of the capacity go, nor after" *
          doctest::skip(sim_test::is_too_slow_here)) {
  const std::string scenario =
      "for: 180s\nrate: 600/s\nservices: { app: { servers: 30, time: 40ms, spread: uniform } }\n"
      "events:\n  - { at: 60s, what: servers, service: app, count: 10 }\n"
      "  - { at: 120s, what: servers, service: app, count: 30 }\n";
  const auto go = [&](const std::string& filters) {
    return Simulated(config_of("    filters: [" + filters + "]\n"), scenario);
  };
  MESSAGE("600/s; capacity 750/s, 250/s from 60 s on, 750/s from 120 s on: answered, p99");
  const auto say = [](const std::string& what, const Simulated& run) {
    const auto large = run.between(20, 60), small = run.between(70, 120),
               again = run.between(150, 180);
    MESSAGE("  ", what, ": ", large.succeeded, "/s ", large.p99, " ms | ", small.succeeded, "/s ",
            small.p99, " ms | ", again.succeeded, "/s ", again.p99, " ms");
  };
  const Simulated adaptive = go("adaptive_concurrency: {}"),
                  fixed = go("bulkhead: { max_concurrent: 40 }"),
                  none = go("timeout: { total: 60s }");
  say("adaptive_concurrency", adaptive);
  say("bulkhead of 40", fixed);
  say("no limit", none);
  CHECK(adaptive.between(20, 60).success() > 0.98);
  CHECK(adaptive.between(70, 120).succeeded > 250 * 0.85);
  CHECK(adaptive.between(70, 120).p99 < 150);
  CHECK(adaptive.between(150, 180).success() > 0.95);
}

// --- bare limits ---

// Adds one while it is needed, takes a tenth when an answer takes longer than twice what is known
// to be usual. Somebody has to know it.
struct Aimd {
  bool enter() { return present < static_cast<std::uint64_t>(limit) ? ++present, true : false; }
  void leave() { --present; }
  void took(Duration latency, Time) {
    if (latency > Millis{80})
      limit = std::max(limit * 0.9, 4.0);
    else if (static_cast<double>(present) * 2 >= limit)
      limit = std::min(limit + 1 / limit, 1000.0);
  }
  double limit = 100;
  std::uint64_t present = 0;
};

// TCP Vegas, as Netflix has it: by each answer, from how many are in the queue by its latency and
// the least one ever seen.
struct Vegas {
  bool enter() { return present < static_cast<std::uint64_t>(limit) ? ++present, true : false; }
  void leave() { --present; }
  void took(Duration latency, Time) {
    least = least == Duration{} ? latency : std::min(least, latency);
    const double queue = limit * (1 - static_cast<double>(least.count()) /
                                          static_cast<double>(latency.count()));
    const double log = std::max(std::log10(limit), 1.0);
    if (static_cast<double>(present) * 2 < limit) return;
    if (queue < 3 * log)
      limit += log;
    else if (queue > 6 * log)
      limit -= log;
    limit = std::clamp(limit, 4.0, 1000.0);
  }
  double limit = 100;
  std::uint64_t present = 0;
  Duration least{};
};

// Envoy's: each 60 s the least latency is measured anew with three at once, for 50 answers;
// between, limit x gradient + its square root, the gradient between a half and two.
struct Remeasured {
  bool enter() { return present < static_cast<std::uint64_t>(limit) ? ++present, true : false; }
  void leave() { --present; }
  void took(Duration latency, Time now) {
    sum += static_cast<double>(latency.count());
    ++count;
    if (is_measuring && count >= 50) {
      least = sum / count;
      limit = before;
      is_measuring = false;
      measured_at = now;
    } else if (!is_measuring && now - window_began >= Millis{1'000}) {
      const double gradient = std::clamp(least * 1.25 / (sum / count), 0.5, 2.0);
      limit = std::clamp(limit * gradient + std::sqrt(limit), 3.0, 1000.0);
      if (now - measured_at >= Millis{60'000}) {
        before = limit;
        limit = 3;
        is_measuring = true;
      }
    } else {
      return;
    }
    sum = count = 0;
    window_began = now;
  }
  double limit = 3, before = 100, sum = 0, count = 0, least = 0;
  bool is_measuring = true;
  Time measured_at{}, window_began{};
  std::uint64_t present = 0;
};

struct Gradient {
  bool enter() { return shipped.enter(); }
  void leave() { shipped.leave(); }
  void took(Duration latency, Time now) { shipped.took(0, latency, now); }
  filters::GradientLimit shipped{{}, 1};
};

struct Nobody final : simulate::OriginObserver {
  void arrived(const Origin&) override {}
};

struct Found {
  double answered = 0;  // a second
  double p99 = 0;
  double least = 1e9;  // answered in the worst second
};

// 600 a second for three minutes, against an upstream of 30 servers, of 10 in the second minute.
template <typename Limit> std::vector<Found> drive() {
  simulate::ServiceRules rules;
  rules.servers = 30;
  rules.time = Millis{40};
  rules.spread = simulate::Spread::uniform;
  Nobody nobody;
  Origin origin("app", 1, rules, 7, nobody);
  base::Random random(3);
  Limit limit;
  using End = std::pair<Time, Time>;  // when, of one that began then
  std::priority_queue<End, std::vector<End>, std::greater<>> ends;
  std::vector<Found> minutes;
  double due = 0;
  for (int minute = 0; minute < 3; ++minute) {
    simulate::Latencies latencies;
    std::vector<double> answered(60, 0);
    for (int ms = minute * 60'000; ms < (minute + 1) * 60'000; ++ms) {
      const Time now = Time{} + std::chrono::hours{1} + Millis{ms};
      simulate::Happening change;
      change.what = simulate::Trouble::servers;
      change.count = ms == 60'000 ? 10 : 30;
      if (ms == 60'000 || ms == 120'000) origin.happens(change, now);
      for (; !ends.empty() && ends.top().first <= now; ends.pop()) {
        limit.took(now - ends.top().second, now);
        limit.leave();
        const int second = ms / 1'000 % 60;
        if (second < 10) continue;  // it has ten seconds to find its way
        latencies.add(now - ends.top().second);
        ++answered[static_cast<std::size_t>(second)];
      }
      for (; due <= ms; due += -std::log(1 - random.unit()) / 0.6)
        if (limit.enter()) ends.emplace(origin.take(now).at, now);
    }
    Found& found = minutes.emplace_back();
    for (std::size_t second = 10; second < 60; ++second) {
      found.answered += answered[second] / 50;
      found.least = std::min(found.least, answered[second]);
    }
    found.p99 = latencies.quantile(0.99);
  }
  return minutes;
}

void say(const std::string& name, const std::vector<Found>& minutes) {
  std::string text = "  " + name + ":";
  for (const Found& each : minutes)
    text += " " + std::to_string(static_cast<int>(each.answered)) + "/s (worst second " +
            std::to_string(static_cast<int>(each.least)) + ") p99 " +
            std::to_string(static_cast<int>(each.p99)) + " ms |";
  MESSAGE(text);
}

TEST_CASE("adaptive concurrency: the gradient beside other ways to find a limit") {
  MESSAGE("600/s; capacity 750/s, 250/s, 750/s for a minute each, without its first 10 s:");
  const auto gradient = drive<Gradient>(), aimd = drive<Aimd>(), vegas = drive<Vegas>(),
             remeasured = drive<Remeasured>();
  say("the gradient that is shipped", gradient);
  say("AIMD, told that 80 ms are too long", aimd);
  say("Vegas, by the least latency ever", vegas);
  say("Envoy's, measured anew each minute", remeasured);
  CHECK(gradient[0].answered > 590);
  CHECK(gradient[1].answered > 235);
  CHECK(gradient[1].p99 < 150);
  CHECK(gradient[2].answered > 590);
  CHECK(gradient[0].least > remeasured[0].least - 50);
}

}  // namespace
