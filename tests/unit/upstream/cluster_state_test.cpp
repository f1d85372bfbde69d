#include "proxy/upstream/cluster_state.hpp"

#include "proxy/upstream/outlier.hpp"
#include "tests/unit/upstream/endpoints.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace {

using base::Reason;
using std::chrono::seconds;
using upstream::Verdict;
using upstream_test::Endpoints;
using upstream_test::now;

// Without the time.
std::vector<std::string> events_in(std::FILE* file) {
  std::rewind(file);
  std::vector<std::string> events;
  char line[256];
  while (std::fgets(line, sizeof line, file)) {
    const std::string_view text(line);
    events.emplace_back(text.substr(text.find(' ') + 1, text.size() - text.find(' ') - 2));
  }
  return events;
}

TEST_CASE("outlier: so many failures in a row eject, a success between them begins anew") {
  Endpoints endpoints;
  endpoints.add();
  endpoints.add();
  endpoints.fail(0, 4);
  endpoints[0].state->succeeded();
  endpoints.fail(0, 4);
  CHECK(!endpoints[0].state->is_ejected());
  const std::uint64_t before = endpoints.state.revision();
  endpoints.fail(0, 1);
  CHECK(endpoints[0].state->is_ejected());
  CHECK(endpoints.state.revision() == before + 1);
  const base::Duration left = endpoints[0].state->ejected_until() - now;
  CHECK(left >= seconds(27));
  CHECK(left <= seconds(33));
}

TEST_CASE("outlier: max_ejected rounds down") {
  const struct {
    std::size_t endpoints;
    std::uint32_t max_ejected;
    std::size_t ejected;
  } cases[] = {{1, 5'000, 0},  {2, 5'000, 1}, {3, 5'000, 1},  {4, 5'000, 2},
               {10, 1'000, 1}, {9, 1'000, 0}, {3, 10'000, 3}, {3, 0, 0}};
  for (const auto& one : cases) {
    CAPTURE(one.endpoints);
    CAPTURE(one.max_ejected);
    Endpoints endpoints;
    for (std::size_t i = 0; i < one.endpoints; ++i) endpoints.add();
    for (std::size_t i = 0; i < one.endpoints; ++i)
      endpoints.fail(i, 20, now, {5, seconds(30), one.max_ejected});
    std::size_t ejected = 0;
    for (const auto& state : endpoints.states()) ejected += state->is_ejected();
    CHECK(ejected == one.ejected);
  }
}

TEST_CASE("outlier: the time is over by itself, and each ejection that follows lasts longer") {
  Endpoints endpoints;
  endpoints.add();
  endpoints.add();
  base::Time at = now;
  for (const int times : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10}) {
    endpoints.fail(0, 5, at);
    REQUIRE(endpoints[0].state->is_ejected());
    const base::Duration time = endpoints[0].state->ejected_until() - at;
    CHECK(time >= seconds(27) * times);
    CHECK(time <= seconds(33) * times);
    at = endpoints[0].state->ejected_until();
    endpoints.state.settle(at - seconds(1));
    CHECK(endpoints[0].state->is_ejected());
    endpoints.state.settle(at);
    CHECK(!endpoints[0].state->is_ejected());
    CHECK(endpoints[0].state->fit_since() == at);
    CHECK(endpoints[0].state->failures() == 0);
  }
  // Each 30 s without failures takes one of the ten back, and this one adds one.
  at += seconds(30 * 4);
  endpoints.fail(0, 5, at);
  CHECK(endpoints[0].state->ejected_until() - at < seconds(33 * 9));
  CHECK(endpoints[0].state->ejected_until() - at >= seconds(27 * 8));
}

TEST_CASE("outlier: who could not be connected to comes back when it can be") {
  Endpoints endpoints;
  endpoints.add();
  endpoints.add();
  endpoints.fail(0, 5);
  endpoints.state.connected(*endpoints[0].state, now);
  CHECK(endpoints[0].state->is_ejected());  // it answers, and badly
  endpoints.state.settle(now + seconds(60));
  for (int i = 0; i < 5; ++i)
    endpoints.state.failed({*endpoints[0].state, "connect_failure", true}, {}, endpoints.states(),
                           now + seconds(60), endpoints.random);
  CHECK(endpoints[0].state->is_ejected());
  endpoints.state.connected(*endpoints[0].state, now + seconds(61));
  CHECK(!endpoints[0].state->is_ejected());
}

TEST_CASE("cluster state: who refuses datagrams does so for a minute, or until it answers any worker") {
  const base::Error refused{Reason::connect_failure, base::Fault::upstream, "takes none"};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> logged(std::tmpfile(), std::fclose);
  base::Log log(::fileno(logged.get()), base::Level::info, false);
  upstream::ClusterState state("c", &log, nullptr);
  const auto endpoint = state.at("10.0.0.1:53", now);
  CHECK_FALSE(endpoint->has_refused());
  state.refused(*endpoint, refused, now);
  state.refused(*endpoint, refused, now + seconds(30));
  CHECK(endpoint->is_unreachable(now + seconds(89)));
  CHECK(state.refusal_of(*endpoint, now + seconds(89)) == "takes none");
  CHECK_FALSE(endpoint->is_unreachable(now + seconds(90)));
  CHECK(state.refusal_of(*endpoint, now + seconds(90)).empty());
  state.refused(*endpoint, refused, now + seconds(100));
  state.answered(*endpoint);
  CHECK_FALSE(endpoint->has_refused());
  CHECK_FALSE(endpoint->is_unreachable(now + seconds(100)));
  const std::string down = "warning cluster c: endpoint 10.0.0.1:53 is unreachable: takes none";
  const std::string up = "info cluster c: endpoint 10.0.0.1:53 is reachable again";
  CHECK(events_in(logged.get()) == std::vector<std::string>{down, down, up});
}

TEST_CASE("cluster state: who cannot be connected to is told once in ten seconds, and when it can again") {
  const base::Error refused{Reason::connect_failure, base::Fault::upstream, "cannot connect"};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> logged(std::tmpfile(), std::fclose);
  base::Log log(::fileno(logged.get()), base::Level::info, false);
  upstream::ClusterState state("c", &log, nullptr);
  const auto endpoint = state.at("10.0.0.1:80", now);
  state.unreachable(*endpoint, refused, now);
  state.unreachable(*endpoint, refused, now);  // another worker
  CHECK(endpoint->is_unreachable(now));
  state.connected(*endpoint, now);
  CHECK(endpoint->is_unreachable(now));
  state.connected(*endpoint, now);
  CHECK(!endpoint->is_unreachable(now));
  for (int i = 0; i < 10; ++i) {
    state.unreachable(*endpoint, refused, now + seconds(i));
    state.connected(*endpoint, now + seconds(i));
  }
  state.unreachable(*endpoint, refused, now + seconds(9));
  state.still_unreachable(*endpoint, refused, now + seconds(10));
  state.still_unreachable(*endpoint, refused, now + seconds(600));
  state.let_go(*endpoint);
  CHECK(!endpoint->is_unreachable(now));
  const std::string down =
      "warning cluster c: endpoint 10.0.0.1:80 is unreachable: cannot connect";
  const std::string up = "info cluster c: endpoint 10.0.0.1:80 is reachable again";
  base::Error expired = refused;
  expired.lasting = true;  // whoever dials has said so
  state.unreachable(*endpoint, expired, now + seconds(700));
  state.connected(*endpoint, now + seconds(701));
  CHECK(events_in(logged.get()) == std::vector<std::string>{down, up, down, up});
}

TEST_CASE("outlier: workers count together") {
  Endpoints endpoints;
  for (int i = 0; i < 4; ++i) endpoints.add();
  const auto states = endpoints.states();
  const auto work = [&](std::uint64_t seed) {
    base::Random random(seed);
    for (int i = 0; i < 1000; ++i)
      for (const auto& state : states)
        endpoints.state.failed({*state, "reset"}, {}, states, now, random);
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  std::size_t ejected = 0;
  for (const auto& state : states) ejected += state->is_ejected();
  CHECK(ejected == 2);
}

TEST_CASE("cluster states: are found by name and address for as long as somebody has them") {
  upstream::ClusterStates states;
  auto cluster = states.of("a");
  CHECK(states.of("a") == cluster);
  CHECK(states.of("b") != cluster);
  auto endpoint = cluster->at("10.0.0.1:80", now);
  CHECK(states.of("a")->at("10.0.0.1:80", now) == endpoint);
  const std::weak_ptr<upstream::EndpointState> gone = endpoint;
  endpoint.reset();
  CHECK(gone.expired());
  CHECK(cluster->at("10.0.0.1:80", now)->fit_since() == now);
}

TEST_CASE("outlier: what counts as a failure, as a success, or as neither") {
  const struct {
    http::Outcome outcome;
    Verdict verdict;
    Reason told = Reason::none;
  } cases[] = {
      {{Reason::none, 200}, Verdict::success},
      {{Reason::none, 404}, Verdict::success},
      {{Reason::none, 429}, Verdict::success},
      {{Reason::none, 500}, Verdict::failure},
      {{Reason::none, 501}, Verdict::success},
      {{Reason::none, 503}, Verdict::failure},
      {{Reason::none, 503}, Verdict::neither, Reason::throttled},
      {{Reason::none, 503}, Verdict::neither, Reason::circuit_open},
      {{Reason::none, 502}, Verdict::failure, Reason::reset},
      {{Reason::none, 200, 0}, Verdict::success},
      {{Reason::none, 200, 14}, Verdict::failure},
      {{Reason::none, 200, 5}, Verdict::success},
      {{Reason::reset}, Verdict::failure},
      {{Reason::refused}, Verdict::failure},
      {{Reason::response_timeout}, Verdict::failure},
      {{Reason::total_timeout}, Verdict::failure},
      {{Reason::upstream_protocol_error}, Verdict::failure},
      {{Reason::client_gone}, Verdict::neither},
      {{Reason::pool_full}, Verdict::neither},
      {{Reason::body_too_large}, Verdict::neither},
      {{Reason::drained}, Verdict::neither},
  };
  for (const auto& [outcome, verdict, told] : cases) {
    CAPTURE(outcome.status);
    CAPTURE(base::to_string(outcome.reason));
    CHECK(upstream::verdict_of(outcome, told) == verdict);
  }
  CHECK(upstream::in_words({Reason::none, 503}) == "status 503");
  CHECK(upstream::in_words({Reason::none, 200, 14}) == "grpc-status 14");
  CHECK(upstream::in_words({Reason::reset}) == "reset");
}

TEST_CASE(
    "peak ewma: follows what is slower at once, forgets it within seconds, and errors lower "
    "nothing") {
  using std::chrono::milliseconds;
  upstream::PeakEwma latency;
  base::Time at = now;
  CHECK(latency.expected(0, at) == 0);
  CHECK(latency.expected(1, at) > 1);
  latency.observe(milliseconds(10), false, at);
  CHECK(latency.expected(0, at) == doctest::Approx(0.010));
  CHECK(latency.expected(3, at) == doctest::Approx(0.040));
  latency.observe(milliseconds(500), false, at);
  CHECK(latency.expected(0, at) == doctest::Approx(0.5));
  latency.observe(milliseconds(1), true, at);
  CHECK(latency.expected(0, at) == doctest::Approx(0.5));
  at += seconds(5);
  CHECK(latency.expected(0, at) == doctest::Approx(0.1839).epsilon(0.01));  // nobody has asked
  latency.observe(milliseconds(10), false, at);
  CHECK(latency.expected(0, at) == doctest::Approx(0.1903).epsilon(0.01));
  for (int i = 0; i < 60; ++i) latency.observe(milliseconds(10), false, at += seconds(1));
  CHECK(latency.expected(0, at) < 0.011);
}

}  // namespace
