#include "tests/unit/filters/workers.hpp"

#include <doctest/doctest.h>

namespace {

using namespace filters_test;
using Calls = std::vector<std::unique_ptr<Call>>;

// Gives so many pieces of 100 kB, one a millisecond, and does not say how many.
struct Pieces final : http::OwnedSource {
  Pieces(base::Loop& on, int how_many) : loop(on), left(how_many) {}
  Task<base::Result<base::Bytes>> read() override {
    const base::Time next = loop.now() + Millis{1};
    co_await base::sleep_until(loop, next);
    if (left-- == 0) co_return base::Bytes();
    co_return base::Bytes::copy_of(std::string(100'000, 'x'));
  }
  base::Loop& loop;
  int left;
};

struct Herd {
  explicit Herd(const std::string& list = "[collapse]") : process(list) {
    worker().upstream.time = [](const Request&) { return Millis{100}; };
  }
  Worker& worker() { return process[0]; }
  Call& ask(const std::string& path = "/", const Call::Fields& fields = {},
            http::Method method = http::Method::get) {
    calls.push_back(std::make_unique<Call>(worker(), path, fields, "192.0.2.1", method));
    return calls.back()->begin();
  }
  // How often the upstream is asked for so many.
  int asked_for(int count, const std::string& path = "/", const Call::Fields& fields = {},
                http::Method method = http::Method::get) {
    for (int i = 0; i < count; ++i) ask(path, fields, method);
    process.advance(Millis{310});
    for (const auto& call : calls) CHECK(call->is_admitted());
    return worker().upstream.calls;
  }
  void answer_with(const Call::Fields& fields, int status = 200) {
    worker().upstream.answer = [=](const Request&) {
      http::Response made;
      made.status = status;
      for (const auto& [name, value] : fields) made.headers.add(name, value);
      made.body = http::Body::of(base::Bytes::copy_of("answer"));
      return Reply(std::move(made));
    };
  }

  Process process;
  Calls calls;
};

TEST_CASE("collapse: what asks upstream for all is known there by the listener of the first") {
  Herd herd;
  std::string known_by;
  herd.worker().upstream.answer = [&](const Request& request) {
    known_by = request.info.pseudonym;
    return Reply(http::Response());
  };
  Call first(herd.worker());
  first.info().pseudonym = "1a2b3c4d-in";
  first.begin();
  herd.process.advance(Millis{110});
  CHECK(known_by == "1a2b3c4d-in");
}

TEST_CASE("collapse: who asks the same at the same time shares one request upstream") {
  Herd herd;
  CHECK(herd.asked_for(5) == 1);
  for (const auto& call : herd.calls) {
    CHECK((*call->reply)->is_from_upstream);
    CHECK(call->body() == "answer");
  }
  CHECK(herd.process.metrics.render().find("outrider_collapsed_total{place=\"cluster c\"} 4") !=
        std::string::npos);
  CHECK(herd.asked_for(2) == 2);  // what came before is not kept
}

TEST_CASE("collapse: who comes when the head is there begins anew") {
  Herd herd;
  Call& first = herd.ask();
  herd.process.advance(Millis{101});
  REQUIRE(first.is_admitted());
  herd.ask();
  CHECK(herd.worker().upstream.calls == 2);
  CHECK(first.body() == "answer");
  herd.ask();
  CHECK(herd.worker().upstream.calls == 2);
}

TEST_CASE("collapse: what differs goes alone, and what is one client's") {
  Herd herd("[{ collapse: { headers: [accept] } }]");
  herd.ask("/a");
  herd.ask("/b");
  herd.ask("/a?x");
  herd.ask("/a", {{"accept", "text/html"}});
  CHECK(herd.worker().upstream.calls == 4);
  herd.ask("/a", {{"accept-language", "de"}});
  CHECK(herd.worker().upstream.calls == 4);
  CHECK(Herd().asked_for(3, "/", {}, http::Method::post) == 3);
  for (const char* name :
       {"authorization", "cookie", "range", "if-none-match", "x-request-timeout"}) {
    CAPTURE(name);
    CHECK(Herd().asked_for(3, "/", {{name, "1s"}}) == 3);
  }
}

TEST_CASE("collapse: an answer that is not for all is the first one's, and each other goes alone") {
  for (const Call::Fields& fields :
       {Call::Fields{{"cache-control", "max-age=1, Private"}}, Call::Fields{{"set-cookie", "a=b"}},
        Call::Fields{{"cache-control", "no-store"}}, Call::Fields{{"vary", "accept, cookie"}},
        Call::Fields{{"vary", "*"}}, Call::Fields{{"content-type", "text/event-stream"}}}) {
    CAPTURE(fields[0].second);
    Herd herd;
    herd.answer_with(fields);
    CHECK(herd.asked_for(4) == 4);
  }
  Herd shared;
  shared.answer_with({{"vary", "Accept, accept-encoding"}}, 404);
  CHECK(shared.asked_for(4) == 1);
  Herd large("[{ collapse: { max_body: 5B } }]");
  CHECK(large.asked_for(4) == 4);
}

TEST_CASE("collapse: a failure is shared too") {
  Herd herd;
  herd.worker().upstream.answer = [](const Request&) {
    return Reply(base::Error{Reason::reset, base::Fault::upstream, "as told"});
  };
  for (int i = 0; i < 3; ++i) herd.ask();
  herd.process.advance(Millis{110});
  for (const auto& call : herd.calls) CHECK(call->reason() == Reason::reset);
  CHECK(herd.worker().upstream.calls == 1);
}

TEST_CASE("collapse: who leaves takes nothing from the others, and the last one ends it") {
  Herd herd;
  for (int i = 0; i < 3; ++i) herd.ask();
  herd.calls[0].reset();
  herd.process.advance(Millis{110});
  CHECK(herd.calls[1]->body() == "answer");
  CHECK(herd.calls[2]->is_admitted());
  CHECK(herd.worker().upstream.calls == 1);
  herd.calls.clear();
  for (int i = 0; i < 3; ++i) herd.ask();
  CHECK(herd.worker().upstream.present == 1);
  herd.calls.clear();
  CHECK(herd.worker().upstream.present == 0);
  CHECK(herd.asked_for(2) == 3);
}

TEST_CASE("collapse: nobody waits for another longer than it may") {
  Herd herd("[{ collapse: { max_wait: 50ms } }]");
  herd.ask();
  herd.process.advance(Millis{20});
  herd.ask();
  herd.process.advance(Millis{49});
  CHECK(herd.worker().upstream.calls == 1);
  herd.process.advance(Millis{3});
  CHECK(herd.worker().upstream.calls == 2);
  herd.process.advance(Millis{110});
  for (const auto& call : herd.calls) CHECK(call->body() == "answer");
}

TEST_CASE("collapse: an answer of unknown length is each one's own") {
  Herd herd;
  herd.worker().upstream.answer = [&](const Request&) {
    http::Response made;
    made.status = 200;
    made.body = http::Body(new Pieces(herd.worker().loop, 40));
    return Reply(std::move(made));
  };
  for (int i = 0; i < 3; ++i) herd.ask();
  herd.process.advance(Millis{250});
  for (const auto& call : herd.calls) REQUIRE(call->is_admitted());
  CHECK(herd.worker().upstream.calls >= 3);
}

TEST_CASE("collapse: holds what stands below for as long as one request") {
  Herd herd("[collapse, { bulkhead: { max_concurrent: 1 } }]");
  for (int i = 0; i < 3; ++i) herd.ask();
  herd.process.advance(Millis{110});
  for (const auto& call : herd.calls) REQUIRE(call->is_admitted());
  Call& other = herd.ask("/other");
  CHECK(other.reason() == Reason::bulkhead_full);
  herd.calls[1]->body();
  Call& next = herd.ask("/other");
  CHECK_FALSE(next.has_ended());
}

TEST_CASE("collapse: its fields are names") {
  const config::Loaded loaded = config::load_text(
      "test.yaml",
      "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\nclusters:\n"
      "  c: { url: http://a, filters: [{ collapse: { headers: [\"a b\"] } }] }\n",
      filters::specs());
  CHECK_FALSE(loaded.config);
}

TEST_CASE("collapse: whoever shares an answer knows of all attempts that it took") {
  Herd herd("[collapse, retry: { backoff: { base: 1ms } }]");
  herd.worker().upstream.answer = [](Request& request) {
    http::Response made;
    request.attempt.number = ++request.info.attempts;
    made.status = request.attempt.number == 1 ? 503 : 200;
    made.is_from_upstream = true;
    made.body = http::Body::of(base::Bytes::copy_of("answer"));
    return Reply(std::move(made));
  };
  const auto knows_both = [](Call& call) {
    REQUIRE(call.info().other_attempts.size() == 1);
    CHECK(call.info().other_attempts[0].number == 1);
    CHECK(call.info().attempt.number == 2);
  };
  for (int i = 0; i < 3; ++i) herd.ask();
  herd.process.advance(Millis{310});
  SUBCASE("to its end") {
    for (const auto& call : herd.calls) {
      CHECK(call->body() == "answer");
      knows_both(*call);
    }
  }
  SUBCASE("of which the last leaves before its end") {
    for (const auto& call : herd.calls) call->reply.reset();
    knows_both(*herd.calls.back());
  }
}

}  // namespace
