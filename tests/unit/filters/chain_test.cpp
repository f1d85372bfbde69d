#include "tests/unit/filters/filter_chain.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace {

using base::Millis;
using base::Reason;
using filters_test::Chain;
using filters_test::Upstream;

TEST_CASE("timeout: the default bounds the exchange, also where a retry stands above it") {
  Chain chain("[{ retry: { backoff: { base: 1ms } } }]");
  std::vector<std::unique_ptr<http::Filter>> below;
  below.push_back(filters::make_default_timeout());
  http::Chain timed(std::move(below), chain.upstream);
  std::vector<std::unique_ptr<http::Filter>> above;
  const config::FilterConfig& retry = chain.loaded.config->clusters[0].filters[0];
  above.push_back(filters::make(
      retry, {"listener in", 0, chain.loop, chain.shared, chain.metrics, 0, chain.log}));
  chain.chain = std::make_unique<http::Chain>(std::move(above), timed);
  chain.upstream.answers = {{503}};
  chain.upstream.delay = std::chrono::seconds{25};
  chain.send();
  CHECK(chain.status == 503);  // the last real answer
  CHECK(chain.upstream.calls == 3);
  CHECK(chain.took / std::chrono::seconds{1} == 60);
}

TEST_CASE("timeout: total ends an exchange, response an answer that does not come") {
  SUBCASE("total") {
    Chain chain("[{ timeout: { total: 2s } }]");
    chain.upstream.delay = Millis{5000};
    chain.send();
    CHECK(chain.reason == Reason::total_timeout);
    CHECK(chain.took <= Millis{2100});
  }
  SUBCASE("response") {
    Chain chain("[{ timeout: { total: 0s, response: 1s } }]");
    chain.upstream.delay = Millis{5000};
    chain.send();
    CHECK(chain.reason == Reason::response_timeout);
    CHECK(chain.took >= Millis{1000});
    CHECK(chain.took <= Millis{1100});
  }
  SUBCASE("response, counted from the end of a body that comes late") {
    Chain chain("[{ timeout: { total: 0s, response: 1s } }]");
    chain.payload_delay = Millis{3000};
    chain.upstream.delay = std::chrono::minutes{5};
    chain.send(http::Method::post, "late");
    CHECK(chain.reason == Reason::response_timeout);
    CHECK(chain.took >= Millis{4000});
    CHECK(chain.took <= Millis{4100});
  }
  SUBCASE("below a retry it bounds one attempt") {
    Chain chain("[retry, { timeout: { response: 1s } }]");
    chain.upstream.delay = Millis{5000};
    chain.send();
    CHECK(chain.upstream.calls == 4);
    CHECK(chain.reason == Reason::response_timeout);
  }
  SUBCASE("a gRPC call's own deadline counts, total does not") {
    Chain chain("[{ timeout: { total: 1s } }]");
    chain.upstream.delay = Millis{5000};
    chain.send(http::Method::post, "",
               {{"content-type", "application/grpc"}, {"grpc-timeout", "3S"}});
    CHECK(chain.reason == Reason::total_timeout);
    CHECK(chain.took >= Millis{3000});
  }
}

TEST_CASE("circuit_breaker: opens on failures of the upstream, not on refusals") {
  Chain chain("[{ circuit_breaker: { request_volume: 5, failure_threshold: 3 } }]");
  SUBCASE("failures") {
    chain.upstream.answers = {{500}};
    for (int i = 0; i < 5; ++i) chain.send();
    CHECK(chain.status == 500);
    chain.send();
    CHECK(chain.reason == Reason::circuit_open);
    CHECK(chain.upstream.calls == 5);
    chain.loop.advance(Millis{1100});
    chain.upstream.answers = {{200}};
    for (int i = 0; i < 3; ++i) chain.send();
    CHECK(chain.status == 200);
    const std::string log = chain.log_text();
    CHECK(log.find("warning the circuit breaker of cluster c has opened: 5 of the last 5 requests "
                   "failed; it asks again in 1.0 s") != log.npos);
    CHECK(log.find("info the circuit breaker of cluster c has closed") != log.npos);
    const std::string metrics = chain.metrics.render();
    for (const char* state : {"open", "half_open", "closed"}) {
      CAPTURE(state);
      CHECK(metrics.find("outrider_breaker_transitions_total{place=\"cluster c\",state=\"" +
                         std::string(state) + "\"} 1") != metrics.npos);
    }
  }
  SUBCASE("gRPC calls that broke off before their status came") {
    Chain calls("[retry, { circuit_breaker: { request_volume: 5, failure_threshold: 3 } }]");
    calls.upstream.answers = {{200, Reason::none, false, {}, Upstream::Payload::cut}};
    for (int i = 0; i < 6; ++i)
      calls.send(http::Method::post, "", {{"content-type", "application/grpc"}});
    CHECK(calls.reason == Reason::circuit_open);
    CHECK(calls.upstream.calls == 5);
  }
  SUBCASE("refusals made below") {
    // Neither failures, of which there would be too many, nor successes, which would outweigh them.
    chain.upstream.answers = {{0, Reason::pool_full}};
    for (int i = 0; i < 20; ++i) chain.send();
    CHECK(chain.upstream.calls == 20);
    chain.upstream.answers = {{200}};
    for (int i = 0; i < 2; ++i) chain.send();
    chain.upstream.answers = {{500}};
    for (int i = 0; i < 3; ++i) chain.send();
    CHECK(chain.upstream.calls == 25);
    chain.send();
    CHECK(chain.reason == Reason::circuit_open);
    CHECK(chain.upstream.calls == 25);
  }
}

TEST_CASE("headers: removes, sets and adds, in that order, with names filled in") {
  Chain chain(
      "[{ headers: { request: { remove: [x-secret], set: { x-a: [\"1\", \"2\"] }, "
      "add: { x-b: \"id={{{request_id}}}\" } }, response: { set: { x-served: yes } } } }]");
  chain.send(http::Method::get, "", {{"x-secret", "s"}, {"x-a", "old"}, {"x-b", "0"}});
  const http::Headers& seen = chain.upstream.seen;
  CHECK_FALSE(seen.contains("x-secret"));
  REQUIRE(seen.size() == 4);
  CHECK(seen[0].value == "0");
  CHECK(seen[1].value == "1");
  CHECK(seen[2].value == "2");
  CHECK(seen[3].value.starts_with("id={"));
  CHECK(seen[3].value.size() == 36 + 5);
  CHECK(chain.answer_headers.find("x-served") == "yes");
}

TEST_CASE("body_limit: refuses what announces too much, both ways") {
  Chain chain("[{ body_limit: { request: 4B, response: 8B } }]");
  chain.send(http::Method::post, "12345");
  CHECK(chain.reason == Reason::body_too_large);
  CHECK(chain.upstream.calls == 0);
  chain.send(http::Method::post, "1234");
  CHECK(chain.status == 200);
  Chain narrow("[{ body_limit: { response: 7B } }]");
  narrow.send();
  CHECK(narrow.reason == Reason::response_too_large);
}

TEST_CASE("circuit_breaker: a gRPC call that stalls after its head is a failure") {
  Chain chain(
      "[{ timeout: { idle: 1s } }, retry, "
      "{ circuit_breaker: { request_volume: 3, failure_threshold: 3 } }]");
  chain.upstream.answers = {{200, Reason::none, false, {}, Upstream::Payload::stalled}};
  for (int i = 0; i < 3; ++i) {
    chain.send(http::Method::post, "x", {{"content-type", "application/grpc"}});
    CHECK(chain.reason == Reason::idle_timeout);
    CHECK(chain.took <= Millis{1100});
  }
  chain.send(http::Method::post, "x", {{"content-type", "application/grpc"}});
  CHECK(chain.reason == Reason::circuit_open);
  CHECK(chain.upstream.outcomes == std::vector<Reason>(3, Reason::idle_timeout));
}

TEST_CASE("fault: bodies that are slow, or cut") {
  SUBCASE("slow") {
    Chain chain("[{ fault: { body: { rate: 4B, sample: 100% } } }]");
    chain.send();
    CHECK(chain.received == "answer 1");  // 8 bytes
    CHECK(chain.took >= Millis{1900});
    CHECK(chain.took <= Millis{2200});
  }
  SUBCASE("cut") {
    Chain chain("[{ fault: { body: { cut_after: 3B, sample: 100% } } }]");
    chain.send();
    CHECK(chain.status == 200);
    CHECK(chain.received == "ans");
    CHECK(chain.reason == Reason::reset);
  }
  SUBCASE("not all of them, and by its seed the same ones each time") {
    const std::string list = "[{ fault: { body: { cut_after: 3B, sample: 50% }, seed: 3 } }]";
    std::vector<std::string> seen[2];
    for (auto& all : seen) {
      Chain chain(list);
      for (int i = 0; i < 20; ++i) {
        chain.send();
        all.push_back(chain.received.substr(0, 3) + (chain.received.size() == 3 ? "!" : ""));
      }
    }
    CHECK(seen[0] == seen[1]);
    CHECK(std::count(seen[0].begin(), seen[0].end(), "ans!") > 3);
    CHECK(std::count(seen[0].begin(), seen[0].end(), "ans") > 3);
  }
  SUBCASE("each attempt for itself, where it stands below a retry") {
    Chain chain("[{ retry: { backoff: { base: 1ms } } }, { fault: { abort: { status: 503, sample: "
                "50% }, seed: 1 } }]");
    int well = 0;
    for (int i = 0; i < 20; ++i) {
      chain.send();
      well += chain.status == 200;
    }
    CHECK(well >= 17);  // of 20, all four attempts of which fail once in 16
  }
}

TEST_CASE("fault: delays and answers for its share; above it that is an upstream's answer") {
  Chain chain(
      "[{ retry: { max_retries: 1 } }, "
      "{ fault: { delay: { for: 1s, sample: 100% }, abort: { status: 503, sample: 100% } } }]");
  chain.send();
  CHECK(chain.status == 503);
  CHECK(chain.upstream.calls == 0);
  CHECK(chain.took >= Millis{2000});
  Chain never("[{ fault: { abort: { status: 503, sample: 0% } } }]");
  never.send();
  CHECK(never.status == 200);
}

TEST_CASE("request_id: keeps a believed client's id, else makes one") {
  Chain chain("[{ request_id: { trust: true } }]");
  chain.send(http::Method::get, "", {{"x-request-id", "abc-12345"}});
  CHECK(chain.upstream.seen.find("x-request-id") == "abc-12345");
  chain.send(http::Method::get, "", {{"x-request-id", "a b"}});
  CHECK(chain.upstream.seen.find("x-request-id").value().size() == 36);
}

}  // namespace
