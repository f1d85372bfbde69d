#include "tests/unit/filters/workers.hpp"

#include <doctest/doctest.h>

#include <deque>

namespace {

using namespace filters_test;
using base::Duration;
using base::Time;

// So many that each serve one request at a time, behind one queue.
struct Servers {
  explicit Servers(Worker& worker, std::size_t count, Millis takes)
      : loop(worker.loop), free_at(count, worker.loop.now()), service(takes) {
    worker.upstream.time = [this](const Request&) { return next(); };
  }
  Millis next() {
    const auto first = std::min_element(free_at.begin(), free_at.end());
    *first = std::max(*first, loop.now()) + spread(service);
    return std::chrono::duration_cast<Millis>(*first - loop.now());
  }
  Millis spread(Millis mean) {
    return Millis{
        std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(mean.count()) *
                                                            (0.5 + loop.random().unit())))};
  }
  base::Loop& loop;
  std::vector<Time> free_at;
  Millis service;
};

struct Seen {
  int admitted = 0;
  int refused = 0;
  Duration slowest{};
};

// So many come in each millisecond, for so long; what is asked is looked at after the first
// `skipped`.
Seen offer(Process& process, double each_millisecond, Millis length, Millis skipped) {
  Seen seen;
  std::deque<std::pair<Time, std::unique_ptr<Call>>> calls;
  double owed = 0;
  const Time begin = process.now();
  while (process.now() < begin + length) {
    for (owed += each_millisecond; owed >= 1; owed -= 1) {
      calls.emplace_back(process.now(), std::make_unique<Call>(process[0]));
      calls.back().second->begin();
    }
    process.advance(Millis{1});
    for (auto call = calls.begin(); call != calls.end();) {
      if (!call->second->has_ended()) {
        ++call;
        continue;
      }
      const bool counts = call->first >= begin + skipped;
      if (call->second->is_admitted()) {
        seen.admitted += counts;
        if (counts) seen.slowest = std::max(seen.slowest, call->second->ended - call->first);
        call->second->body();
      } else {
        CHECK(call->second->reason() == Reason::bulkhead_full);
        seen.refused += counts;
      }
      call = calls.erase(call);
    }
  }
  return seen;
}

TEST_CASE(
    "adaptive concurrency: holds what is under way where queues begin, and uses what is there") {
  Process process("[adaptive_concurrency]");
  Servers servers(process[0], 20, Millis{40});  // 500 a second
  const Seen seen = offer(process, 1.5, std::chrono::seconds{60}, std::chrono::seconds{20});
  CHECK(seen.admitted > 40 * 500 * 85 / 100);
  CHECK(seen.refused > 40 * 900);
  CHECK(seen.slowest < Millis{250});  // without a limit it would be a minute
}

TEST_CASE(
    "adaptive concurrency: follows an upstream that becomes smaller, and grows with it again") {
  Process process("[adaptive_concurrency]");
  Servers servers(process[0], 40, Millis{40});
  const Seen large = offer(process, 1.5, std::chrono::seconds{30}, std::chrono::seconds{15});
  servers.free_at.resize(10);
  const Seen small = offer(process, 1.5, std::chrono::seconds{40}, std::chrono::seconds{20});
  CHECK(small.slowest < Millis{400});
  CHECK(small.admitted > 20 * 250 * 80 / 100);
  servers.free_at.resize(40, process.now());
  const Seen again = offer(process, 1.5, std::chrono::seconds{40}, std::chrono::seconds{25});
  CHECK(again.admitted > large.admitted * 85 / 100);
}

TEST_CASE("adaptive concurrency: a queue that grows is not taken for the upstream's own time") {
  Process process("[adaptive_concurrency]");
  Servers servers(process[0], 30, Millis{40});
  offer(process, 0.6, std::chrono::seconds{60}, Millis{0});  // far from its limit
  servers.free_at.resize(10);
  const Seen small = offer(process, 0.6, std::chrono::seconds{25}, std::chrono::seconds{10});
  CHECK(small.slowest < Millis{200});
  CHECK(small.admitted > 15 * 250 * 85 / 100);
}

TEST_CASE("adaptive concurrency: refuses nobody while there is no queue") {
  Process process("[adaptive_concurrency]");
  Servers servers(process[0], 40, Millis{40});
  CHECK(offer(process, 0.7, std::chrono::seconds{90}, Millis{0}).refused == 0);
}

TEST_CASE("adaptive concurrency: stays between its bounds") {
  Process process("[{ adaptive_concurrency: { min: 2, max: 3 } }]");
  process[0].upstream.time = [](const Request&) { return Millis{10}; };
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(std::make_unique<Call>(process[0]));
    calls.back()->begin();
  }
  CHECK(calls[3]->reason() == Reason::bulkhead_full);
  CHECK(process.metrics.render().find(
            "outrider_adaptive_concurrency_limit{place=\"cluster c\"} 3") != std::string::npos);
  process.advance(Millis{11});
  Call next(process[0]);
  CHECK(next.begin().reason() == Reason::bulkhead_full);  // until the last byte
  calls[0]->body();
  Call last(process[0]);
  CHECK_FALSE(last.begin().has_ended());
  const config::Loaded loaded = config::load_text(
      "test.yaml",
      "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\nclusters:\n"
      "  c: { url: http://a, filters: [{ adaptive_concurrency: { min: 5, max: 4 } }] }\n",
      filters::specs());
  CHECK_FALSE(loaded.config);
}

}  // namespace
