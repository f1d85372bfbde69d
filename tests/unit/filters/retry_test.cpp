#include "tests/unit/filters/filter_chain.hpp"

#include "proxy/http/date_stamp.hpp"

#include <chrono>
#include <cstdlib>
#include <string>

namespace {

using base::Millis;
using base::Reason;
using filters_test::Chain;
using filters_test::Upstream;

TEST_CASE("retry: an idempotent request is tried again after an answer that says so") {
  Chain chain("[retry]");
  chain.upstream.answers = {{503}, {502}, {200}};
  chain.send();
  CHECK(chain.status == 200);
  CHECK(chain.upstream.calls == 3);
  CHECK(chain.received == "answer 3");
  CHECK(chain.took >= Millis{225});  // 100 and 200 ms, each a quarter less at least
}

TEST_CASE("retry: other methods only if nothing was processed, or they say they may") {
  Chain chain("[retry]");
  SUBCASE("a POST is not repeated") {
    chain.upstream.answers = {{503}, {200}};
    chain.send(http::Method::post, "order");
    CHECK(chain.status == 503);
    CHECK(chain.upstream.calls == 1);
  }
  SUBCASE("nor after a reset") {
    chain.upstream.answers = {{0, Reason::reset}, {200}};
    chain.send(http::Method::post, "order");
    CHECK(chain.reason == Reason::reset);
  }
  SUBCASE("but if nothing was sent") {
    chain.upstream.answers = {{0, Reason::reset, true}, {200}};
    chain.send(http::Method::post, "order");
    CHECK(chain.status == 200);
  }
  SUBCASE("or refused") {
    chain.upstream.answers = {{0, Reason::refused}, {200}};
    chain.send(http::Method::post, "order");
    CHECK(chain.status == 200);
  }
  SUBCASE("or with a key") {
    chain.upstream.answers = {{503}, {200}};
    chain.send(http::Method::post, "order", {{"idempotency-key", "7"}});
    CHECK(chain.status == 200);
    CHECK(chain.upstream.body == "order|order|");
  }
}

TEST_CASE("retry: the last real answer is given when no further attempt can be made") {
  Chain chain("[retry]");
  SUBCASE("after max_retries") {
    chain.upstream.answers = {{503}};
    chain.send();
    CHECK(chain.status == 503);
    CHECK(chain.upstream.calls == 4);
    CHECK(chain.received == "answer 4");
  }
  SUBCASE("rather than a refusal") {
    chain.upstream.answers = {{503}, {0, Reason::circuit_open}};
    chain.send();
    CHECK(chain.status == 503);
    CHECK(chain.received == "answer 1");
    CHECK(chain.upstream.outcomes == std::vector<Reason>{Reason::none, Reason::circuit_open});
  }
  SUBCASE("as it was, without a body") {
    chain.upstream.answers = {{503, Reason::none, false, {}, Upstream::Payload::none},
                              {0, Reason::circuit_open}};
    chain.send();
    CHECK(chain.status == 503);
    CHECK(!chain.has_body);
  }
  SUBCASE("when the body has outgrown what is kept") {
    chain.upstream.answers = {{503}, {200}};
    chain.send(http::Method::put, std::string(70'000, 'x'));
    CHECK(chain.status == 503);
    CHECK(chain.upstream.calls == 1);
  }
  SUBCASE("when the upstream wants a longer pause than we make") {
    chain.upstream.answers = {{503, Reason::none, false, {{"retry-after", "11"}}}, {200}};
    chain.send();
    CHECK(chain.status == 503);
    CHECK(chain.upstream.calls == 1);
  }
}

TEST_CASE("retry: waits for retry-after when that is longer than the back-off") {
  Chain chain("[retry]");
  chain.upstream.answers = {{503, Reason::none, false, {{"retry-after", "2"}}}, {200}};
  chain.send();
  CHECK(chain.status == 200);
  CHECK(chain.took >= Millis{2000});
}

TEST_CASE("retry: waits for retry-after also when it is a date") {
  Chain chain("[retry]");
  chain.loop.advance(std::chrono::minutes{7});  // of which the wall clock knows nothing
  const std::string date(http::date_at(chain.loop.wall(chain.loop.now()) + std::chrono::seconds{6}));
  chain.upstream.answers = {{503, Reason::none, false, {{"retry-after", date}}}, {200}};
  chain.send();
  CHECK(chain.status == 200);
  CHECK(chain.took > Millis{5'000});
  CHECK(chain.took <= Millis{6'010});
}

TEST_CASE("retry: goes by what a proxy behind says of its own answer") {
  Chain chain("[retry]");
  SUBCASE("that it sent nothing: any method may go again") {
    chain.upstream.answers = {
        {502, Reason::none, true, {}, Upstream::Payload::whole, Reason::connect_failure}, {200}};
    chain.send(http::Method::post, "order");
    CHECK(chain.status == 200);
    CHECK(chain.upstream.body == "order|order|");
  }
  SUBCASE("that it sent nothing, and will send nothing: a refusal") {
    chain.upstream.answers = {
        {503, Reason::none, true, {}, Upstream::Payload::whole, Reason::circuit_open}, {200}};
    chain.send();
    CHECK(chain.status == 503);
    CHECK(chain.upstream.calls == 1);
  }
  SUBCASE("that it may have been sent") {
    chain.upstream.answers = {
        {502, Reason::none, false, {}, Upstream::Payload::whole, Reason::reset}, {200}};
    chain.send(http::Method::post, "order");
    CHECK(chain.status == 502);
  }
}

TEST_CASE("retry: the budget bounds what a failing upstream gets") {
  Chain chain("[{ retry: { backoff: { base: 1ms }, budget: { ratio: 10%, min: 18/m } } }]");
  chain.upstream.answers = {{503}};
  for (int i = 0; i < 20; ++i) chain.send();
  CHECK(chain.upstream.calls == 23);
  CHECK(chain.retry_denied == "budget_exhausted");
  const std::string metrics = chain.metrics.render();
  CHECK(
      metrics.find("outrider_retries_denied_total{cluster=\"c\",reason=\"budget_exhausted\"} 19") !=
      metrics.npos);
}

// Everything fails: what the upstream gets is what clients ask, and a tenth.
TEST_CASE("retry: under a full outage the upstream gets 1.1 times what is asked, above 30 a second") {
  for (const int rate : {30, 50, 200}) {
    CAPTURE(rate);
    Chain chain("[{ retry: { backoff: { base: 1ms }, budget: { ratio: 10%, min: 3/s } } }]");
    chain.upstream.answers = {{503}};
    const base::Time begun = chain.loop.now();
    const int requests = rate * 60;
    for (int i = 0; i < requests; ++i) {
      const base::Time due = begun + std::chrono::microseconds(i * 1'000'000LL / rate);
      if (due > chain.loop.now()) chain.loop.advance(due - chain.loop.now());
      chain.send();
    }
    CHECK(chain.upstream.calls > requests);
    CHECK(chain.upstream.calls <= requests * 11 / 10 + 30);
  }
}

TEST_CASE("retry: what the client has left of its patience goes up with each attempt") {
  Chain chain("[timeout, { retry: { backoff: { base: 200ms, jitter: 0% } } }]");
  chain.upstream.answers = {{503}, {200}};
  SUBCASE("x-request-timeout, from who may say so") {
    chain.is_outbound = true;
    chain.send(http::Method::get, "", {{"x-request-timeout", "5s"}});
    CHECK(chain.status == 200);
    const std::string left(*chain.upstream.seen.find("x-request-timeout"));
    CHECK_MESSAGE((left == "4800ms" || left.starts_with("479")), left);
  }
  SUBCASE("grpc-timeout") {
    chain.send(http::Method::get, "",
               {{"content-type", "application/grpc"}, {"grpc-timeout", "5S"}});
    CHECK(chain.status == 200);
    const std::string left(*chain.upstream.seen.find("grpc-timeout"));
    CHECK_MESSAGE((left == "4800m" || left.starts_with("479")), left);
  }
  SUBCASE("and a retry that would come too late is not made") {
    chain.is_outbound = true;
    chain.send(http::Method::get, "", {{"x-request-timeout", "150ms"}});
    CHECK(chain.status == 503);
    CHECK(chain.retry_denied == "deadline");
  }
}

// As on a disk that is full: the folder for temporary files takes nothing.
TEST_CASE("retry: a large body that finds no room goes up once, and the log says so once") {
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  ::setenv("TMPDIR", "/nonexistent/outrider", 1);
  Chain chain("[{ retry: { max_body: 4MiB } }]");
  const std::string large(2 * 1024 * 1024, 'x');
  chain.send(http::Method::put, large);
  CHECK(chain.status == 200);
  chain.upstream.answers = {{503}};
  chain.upstream.body.clear();
  chain.send(http::Method::put, large);
  CHECK(chain.status == 503);
  CHECK(chain.upstream.body == large + "|");
  CHECK(chain.retry_denied == "max_body");
  const std::string log = chain.log_text();
  const std::size_t first = log.find("no room for a temporary file");
  CHECK(first != log.npos);
  CHECK(log.find("no room for a temporary file", first + 1) == log.npos);
  if (kept.empty())
    ::unsetenv("TMPDIR");
  else
    ::setenv("TMPDIR", kept.c_str(), 1);
  // With room it is repeated.
  chain.upstream.answers = {{503}, {200}};
  chain.upstream.calls = 0;
  chain.send(http::Method::put, large);
  CHECK(chain.status == 200);
  CHECK(chain.upstream.calls == 2);
}

TEST_CASE("retry: a large body goes up whole again, also if the answer begins before its end") {
  Chain chain("[{ retry: { max_body: 4MiB } }]");
  chain.upstream.answers = {{503}, {200, Reason::none, false, {}, Upstream::Payload::rest}};
  std::string large;
  for (int i = 0; large.size() < 3 * 1024 * 1024; ++i) large += std::to_string(i) + ' ';
  chain.send(http::Method::put, large);
  CHECK(chain.status == 200);
  CHECK(chain.reason == Reason::none);
  const std::string again = chain.upstream.body.substr(large.size() + 1);
  CHECK(again.size() < 1024 * 1024);
  CHECK((again.substr(0, again.size() - 1) + chain.received == large));
}

TEST_CASE("retry: an attempt is bounded by attempt_timeout") {
  Chain chain("[{ retry: { attempt_timeout: 1s, max_retries: 1 } }]");
  chain.upstream.delay = Millis{5000};
  chain.send();
  CHECK(chain.reason == Reason::response_timeout);
  CHECK(chain.upstream.calls == 2);
}

TEST_CASE("retry: the exchange keeps the attempt that is answered with, and their number") {
  Chain chain("[retry]");
  SUBCASE("the last") {
    chain.upstream.answers = {{503}, {200}};
    chain.send();
    CHECK(chain.attempts == 2);
    CHECK(chain.attempt.number == 2);
    CHECK(chain.attempt.endpoint == "endpoint 2");
  }
  SUBCASE("also one that failed") {
    chain.upstream.answers = {{0, Reason::connect_failure}};
    chain.send();
    CHECK(chain.attempts == 4);
    CHECK(chain.attempt.number == 4);
  }
}

TEST_CASE("retry and circuit_breaker go by a gRPC status in trailers that came with the head") {
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const Headers grpc = {{"content-type", "application/grpc"}};
  SUBCASE("retry, and keeps the trailers") {
    Chain chain("[{ retry: { methods: any, max_retries: 2 } }]");
    chain.upstream.answers = {{200, Reason::none, false, {}, Upstream::Payload::trailers},
                              {0, Reason::circuit_open}};
    chain.send(http::Method::post, "x", grpc);
    CHECK(chain.upstream.calls == 2);
    CHECK(chain.status == 200);
    CHECK(chain.trailers.find("grpc-status") == "14");
  }
  SUBCASE("circuit_breaker") {
    Chain chain("[{ circuit_breaker: { request_volume: 3, failure_threshold: 3 } }]");
    chain.upstream.answers = {{200, Reason::none, false, {}, Upstream::Payload::trailers}};
    for (int i = 0; i < 4; ++i) chain.send(http::Method::post, "x", grpc);
    CHECK(chain.reason == Reason::circuit_open);
  }
  SUBCASE("by the status's own name, and by no other") {
    for (const auto& [name, calls] : {std::pair{"unavailable", 3}, {"aborted", 1}}) {
      Chain chain("[{ retry: { methods: any, max_retries: 2, retry_on: [\"grpc:" +
                  std::string(name) + "\"] } }]");
      chain.upstream.answers = {{200, Reason::none, false, {}, Upstream::Payload::trailers}};
      chain.send(http::Method::post, "x", grpc);
      CHECK(chain.upstream.calls == calls);
    }
    for (const auto& [name, is_open] : {std::pair{"unavailable", true}, {"aborted", false}}) {
      Chain chain(
          "[{ circuit_breaker: { request_volume: 3, failure_threshold: 3, failures: [\"grpc:" +
          std::string(name) + "\"] } }]");
      chain.upstream.answers = {{200, Reason::none, false, {}, Upstream::Payload::trailers}};
      for (int i = 0; i < 4; ++i) chain.send(http::Method::post, "x", grpc);
      CHECK((chain.reason == Reason::circuit_open) == is_open);
    }
  }
}

}  // namespace
