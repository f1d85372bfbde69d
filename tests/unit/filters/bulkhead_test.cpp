#include "tests/unit/filters/workers.hpp"

#include <doctest/doctest.h>

namespace {

using namespace filters_test;

std::string bulkhead(const std::string& fields) {
  return "[{ bulkhead: { " + fields + " } }]";
}

TEST_CASE("bulkhead: a slot is held until the last byte of the response") {
  Process process(bulkhead("max_concurrent: 1"), 2);
  Call first(process[0]);
  CHECK(first.begin().is_admitted());
  Call second(process[1]);
  REQUIRE(second.begin().reason() == Reason::bulkhead_full);
  CHECK(second.error().retry_after == 1);
  CHECK(process[1].upstream.calls == 0);
  CHECK(first.body() == "answer");
  Call third(process[1]);
  CHECK(third.begin().is_admitted());
}

TEST_CASE("bulkhead: a slot is free again when its request has failed, or its client has left") {
  Process process(bulkhead("max_concurrent: 1"));
  process[0].upstream.answer = [](const Request&) {
    return Reply(base::Error{Reason::reset, base::Fault::upstream, "as told"});
  };
  for (int i = 0; i < 3; ++i) {
    Call call(process[0]);
    CHECK(call.begin().reason() == Reason::reset);
  }
  process[0].upstream.answer = nullptr;
  process[0].upstream.time = [](const Request&) { return Millis{50}; };
  for (int i = 0; i < 3; ++i) {
    Call call(process[0]);
    CHECK_FALSE(call.begin().has_ended());
  }
  Call last(process[0]);
  last.begin();
  process.advance(Millis{60});
  CHECK(last.is_admitted());
}

TEST_CASE("bulkhead: below a retry an attempt has given its slot back before the next") {
  Process process("[{ retry: { backoff: { base: 1ms } } }, { bulkhead: { max_concurrent: 1 } }]");
  process[0].upstream.answer = [&](const Request&) {
    http::Response response;
    response.status = process[0].upstream.calls < 3 ? 503 : 200;
    response.body = http::Body::of(base::Bytes::copy_of("x"));
    return Reply(std::move(response));
  };
  Call call(process[0]);
  call.begin();
  process.advance(Millis{20});
  REQUIRE(call.is_admitted());
  CHECK((*call.reply)->status == 200);
}

TEST_CASE("bulkhead: waits are first in first out over all workers, and no more than may") {
  Process process(bulkhead("max_concurrent: 2, max_queue: 4, max_wait: 10s"), 2);
  for (std::size_t i : {0u, 1u})
    process[i].upstream.time = [](const Request&) { return Millis{100}; };
  std::vector<std::unique_ptr<Call>> calls;
  for (std::size_t i = 0; i < 7; ++i) {
    calls.push_back(std::make_unique<Call>(process[i % 2], "/" + std::to_string(i)));
    calls.back()->begin();
  }
  CHECK(calls[6]->reason() == Reason::bulkhead_full);
  for (std::size_t round = 0; round < 3; ++round) {
    process.advance(Millis{103});
    for (std::size_t i = 0; i < 6; ++i) {
      CAPTURE(round);
      CAPTURE(i);
      CHECK(calls[i]->is_admitted() == (i < 2 * round + 2));
    }
    CHECK(process[0].upstream.present + process[1].upstream.present <= 2);
    for (std::size_t i : {2 * round, 2 * round + 1}) CHECK(calls[i]->body() == "answer");
    process.settle();
  }
}

TEST_CASE("bulkhead: who leaves the queue is passed over, also with a slot that it has not seen") {
  Process process(bulkhead("max_concurrent: 1, max_queue: 9, max_wait: 10s"), 2);
  Call first(process[0]);
  CHECK(first.begin().is_admitted());
  auto second = std::make_unique<Call>(process[1]);
  auto third = std::make_unique<Call>(process[1]);
  Call fourth(process[0]);
  second->begin();
  third->begin();
  fourth.begin();
  third.reset();
  first.body();  // the slot is the second's, whose worker has not come to it
  second.reset();
  process.settle();
  CHECK(fourth.is_admitted());
}

TEST_CASE("bulkhead: who has waited too long is refused") {
  Process process(bulkhead("max_concurrent: 1, max_queue: 1, max_wait: 50ms"));
  Call first(process[0]);
  first.begin();
  Call second(process[0]);
  CHECK_FALSE(second.begin().has_ended());
  process.advance(Millis{49});
  CHECK_FALSE(second.has_ended());
  process.advance(Millis{3});
  CHECK(second.reason() == Reason::bulkhead_full);
  Call third(process[0]);  // there is room in the queue again
  CHECK_FALSE(third.begin().has_ended());
}

TEST_CASE("bulkhead: each key has its slots") {
  Process process(bulkhead("max_concurrent: 1, key: \"header:x\""));
  std::vector<std::unique_ptr<Call>> calls;
  const auto call = [&](const std::string& key) {
    calls.push_back(std::make_unique<Call>(process[0], "/", Call::Fields{{"x", key}}));
    return calls.back()->begin().is_admitted();
  };
  CHECK(call("a"));
  CHECK(call("b"));
  CHECK_FALSE(call("a"));
  calls[0]->body();
  CHECK(call("a"));
  CHECK_FALSE(call("b"));
}

TEST_CASE("bulkhead: a queue without a time, and a time without a queue, are mistakes") {
  for (const auto& [fields, expected] : {std::pair{"max_queue: 1", "\"max_concurrent\" is missing"},
                                         {"max_concurrent: 0", "1"},
                                         {"max_concurrent: 1, max_queue: 1", "write `max_wait`"},
                                         {"max_concurrent: 1, max_wait: 1s", "write `max_queue`"},
                                         {"max_concurrent: 1, key: ip", "selects nothing"}}) {
    CAPTURE(fields);
    const config::Loaded loaded = config::load_text(
        "test.yaml",
        "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\nclusters:\n"
        "  c: { url: http://a, filters: " +
            bulkhead(fields) + " }\n",
        filters::specs());
    REQUIRE_FALSE(loaded.config);
    CHECK_MESSAGE(loaded.mistakes[0].to_string().find(expected) != std::string::npos,
                  loaded.mistakes[0].to_string());
  }
}

}  // namespace
