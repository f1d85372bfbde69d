#include "tests/unit/filters/filter_chain.hpp"

namespace {

using base::Millis;
using base::Reason;
using base::Task;
using filters_test::Chain;
using http::Reply;
using http::Request;

// Answers each attempt as it was told to, after as long as it was told to; the last is repeated.
struct Racing final : http::Handler {
  struct Answer {
    Millis takes{0};
    int status = 200;
    Reason reason = Reason::none;
  };

  Racing(base::Loop& on, std::deque<Answer> told) : loop(on), answers(std::move(told)) {}

  Task<Reply> handle(Request& request) override {
    const int number = ++calls;
    const Answer answer = answers.front();
    if (answers.size() > 1) answers.pop_front();
    request.attempt.number = ++request.info.attempts;
    request.attempt.chosen = &endpoints[number % 2];
    avoided.push_back(request.attempt.avoid);
    ++running;
    request.scope.hold(std::make_unique<Noting>(*this));
    std::string body;
    for (;;) {
      auto piece = co_await request.body.read();
      if (!piece || piece->empty()) break;
      body.append(piece->view());
    }
    bodies.push_back(body);
    co_await base::sleep_until(loop, loop.now() + answer.takes);
    if (answer.reason != Reason::none)
      co_return base::Error{answer.reason, base::Fault::upstream, "as told"};
    http::Response response;
    response.status = answer.status;
    response.body = http::Body::of(base::Bytes::copy_of("answer " + std::to_string(number)));
    co_return response;
  }

  struct Noting final : http::Guard {
    explicit Noting(Racing& of) : all(of) {}
    void ended(const http::Outcome& outcome) noexcept override {
      all.outcomes.push_back(outcome.reason);
      --all.running;
    }
    Racing& all;
  };

  base::Loop& loop;
  std::deque<Answer> answers;
  int calls = 0;
  int running = 0;  // attempts whose scope has not ended
  int endpoints[2]{};
  std::vector<const void*> avoided;
  std::vector<std::string> bodies;
  std::vector<Reason> outcomes;
};

// Real filters before such an upstream.
struct Race {
  Race(const std::string& list, std::deque<Racing::Answer> answers)
      : chain(list), upstream(chain.loop, std::move(answers)) {
    std::vector<std::unique_ptr<http::Filter>> made;
    for (const config::FilterConfig& filter : chain.loaded.config->clusters[0].filters)
      made.push_back(filters::make(filter, {"cluster c", filter.ordinal, chain.loop, chain.shared,
                                            chain.metrics, 0, chain.log}));
    chain.chain = std::make_unique<http::Chain>(std::move(made), upstream);
  }
  bool counts(const std::string& outcome, int times) {
    return chain.metrics.render().find("outrider_hedges_total{cluster=\"c\",outcome=\"" + outcome +
                                       "\"} " + std::to_string(times)) != std::string::npos;
  }

  Chain chain;
  Racing upstream;
};

const std::string hedged = "[{ retry: { hedge: { after: 100ms } } }]";

TEST_CASE("hedge: a second attempt beside one that takes long; the first good head wins") {
  Race race(hedged, {{Millis{5000}}, {Millis{50}}});
  race.chain.send();
  CHECK(race.chain.status == 200);
  CHECK(race.chain.received == "answer 2");
  CHECK(race.chain.took >= Millis{150});
  CHECK(race.chain.took <= Millis{200});
  CHECK(race.chain.attempts == 2);
  CHECK(race.chain.attempt.number == 2);
  CHECK(race.upstream.outcomes == std::vector<Reason>{Reason::outrun, Reason::none});
  CHECK(race.counts("won", 1));
}

TEST_CASE("hedge: none where the head comes in time") {
  Race race(hedged, {{Millis{80}}});
  race.chain.send();
  CHECK(race.chain.received == "answer 1");
  CHECK(race.upstream.calls == 1);
}

TEST_CASE("hedge: the first may still win, and the other is given up") {
  Race race(hedged, {{Millis{150}}, {Millis{5000}}});
  race.chain.send();
  CHECK(race.chain.received == "answer 1");
  CHECK(race.chain.took <= Millis{200});
  CHECK(race.chain.attempt.number == 1);
  CHECK(race.upstream.outcomes == std::vector<Reason>{Reason::outrun, Reason::none});
  CHECK(race.counts("lost", 1));
}

TEST_CASE("hedge: goes elsewhere if it can") {
  Race race(hedged, {{Millis{5000}}, {Millis{50}}});
  race.chain.send();
  REQUIRE(race.upstream.avoided.size() == 2);
  CHECK(race.upstream.avoided[0] == nullptr);
  CHECK(race.upstream.avoided[1] == &race.upstream.endpoints[1]);
}

TEST_CASE("hedge: only what may be sent twice, each with the whole body") {
  Race race(hedged, {{Millis{5000}}, {Millis{50}}});
  SUBCASE("not a POST") {
    race.chain.send(http::Method::post, "order");
    CHECK(race.upstream.calls == 1);
    CHECK(race.chain.received == "answer 1");
  }
  SUBCASE("but one with a key") {
    race.chain.send(http::Method::post, "order", {{"idempotency-key", "7"}});
    CHECK(race.chain.received == "answer 2");
    CHECK(race.upstream.bodies == std::vector<std::string>{"order", "order"});
  }
  SUBCASE("not what has outgrown what is kept") {
    race.chain.send(http::Method::put, std::string(70'000, 'x'));
    CHECK(race.upstream.calls == 1);
  }
  SUBCASE("both read on as the body comes") {
    race.chain.payload_delay = Millis{300};
    race.chain.send(http::Method::put, "late");
    CHECK(race.chain.received == "answer 2");
    CHECK(race.upstream.bodies == std::vector<std::string>{"late", "late"});
  }
}

TEST_CASE("hedge: is taken out of the budget") {
  Race race("[{ retry: { hedge: { after: 100ms }, budget: { ratio: 0%, min: 6/m } } }]",
            {{Millis{200}}});
  race.chain.send();
  CHECK(race.upstream.calls == 2);
  race.chain.send();
  CHECK(race.upstream.calls == 3);
  CHECK(race.chain.status == 200);
  CHECK(race.counts("denied", 1));
}

TEST_CASE("hedge: needs no further retries to be allowed") {
  Race race("[{ retry: { max_retries: 0, hedge: { after: 100ms } } }]",
            {{Millis{5000}}, {Millis{50}}});
  race.chain.send();
  CHECK(race.chain.received == "answer 2");
}

TEST_CASE("hedge: what fails does not win while the other may do better") {
  SUBCASE("the second answers badly") {
    Race race(hedged, {{Millis{400}}, {Millis{50}, 503}});
    race.chain.send();
    CHECK(race.chain.received == "answer 1");
    CHECK(race.upstream.calls == 2);
  }
  SUBCASE("the second is refused below") {
    Race race(hedged, {{Millis{400}}, {Millis{0}, 0, Reason::circuit_open}});
    race.chain.send();
    CHECK(race.chain.received == "answer 1");
  }
  SUBCASE("the first fails after the second began") {
    Race race(hedged, {{Millis{150}, 0, Reason::reset}, {Millis{400}}});
    race.chain.send();
    CHECK(race.chain.received == "answer 2");
    CHECK(race.upstream.outcomes == std::vector<Reason>{Reason::reset, Reason::none});
  }
  SUBCASE("both fail: then it is tried again, without another hedge") {
    Race race(hedged, {{Millis{150}, 0, Reason::reset}, {Millis{200}, 503}, {Millis{900}}});
    race.chain.send();
    CHECK(race.chain.received == "answer 3");
    CHECK(race.upstream.calls == 3);
  }
  SUBCASE("both fail for good: an answer rather than a refusal") {
    Race race("[{ retry: { max_retries: 0, hedge: { after: 100ms } } }]",
              {{Millis{300}, 503}, {Millis{50}, 0, Reason::circuit_open}});
    race.chain.send();
    CHECK(race.chain.status == 503);
    CHECK(race.chain.received == "answer 1");
  }
}

TEST_CASE("hedge: deadlines end both attempts") {
  SUBCASE("of what stands above") {
    Race race("[{ timeout: { total: 500ms } }, { retry: { hedge: { after: 100ms } } }]",
              {{Millis{5000}}});
    race.chain.send();
    CHECK(race.chain.reason == Reason::total_timeout);
    CHECK(race.chain.took <= Millis{520});
    CHECK(race.upstream.outcomes ==
          std::vector<Reason>{Reason::total_timeout, Reason::total_timeout});
  }
  SUBCASE("of each attempt") {
    Race race("[{ retry: { max_retries: 0, attempt_timeout: 300ms, hedge: { after: 100ms } } }]",
              {{Millis{5000}}});
    race.chain.send();
    CHECK(race.chain.reason == Reason::response_timeout);
    CHECK(race.chain.took >= Millis{400});
    CHECK(race.chain.took <= Millis{420});
  }
}

// A client that leaves at any moment: nothing is left behind.
TEST_CASE("hedge: can be cancelled at every step") {
  for (int steps = 0; steps < 60; ++steps) {
    CAPTURE(steps);
    Race race(hedged, {{Millis{250}, 0, Reason::reset}, {Millis{150}, 503}, {Millis{50}}});
    http::RequestHead head;
    head.method = http::Method::put;
    head.path = "/x";
    http::StreamInfo info(race.chain.loop, race.chain.connection);
    info.cluster = "c";
    http::Scope scope(race.chain.loop.now());
    http::Body body(new filters_test::Sent(base::Bytes::copy_of("put"), Millis{30}, info));
    Request request(std::move(head), std::move(body), race.chain.interim, scope, info);
    {
      base::TaskGroup running(race.chain.loop);
      running.spawn(race.chain.run(request)).release();
      race.chain.loop.settle();
      for (int i = 0; i < steps; ++i) race.chain.loop.advance(Millis{10});
    }
    race.chain.loop.settle();
    CHECK(race.upstream.running == 0);
  }
}

}  // namespace
