#include "proxy/http/local_reply.hpp"
#include "tests/unit/filters/workers.hpp"

#include <doctest/doctest.h>

#include <deque>

namespace {

using namespace filters_test;
using base::Time;

constexpr const char* algorithms[] = {"fixed_window", "sliding_window", "token_bucket",
                                      "leaky_bucket"};

std::string throttle(const std::string& fields) {
  return "[{ throttle: { " + fields + " } }]";
}

// How many of three times the rate pass in ten whole windows, after the first burst; spread over
// all workers.
int admitted_of_three_times(Process& process, std::size_t workers, bool queues) {
  const Time begin = process.now() + std::chrono::seconds{3};
  const Time end = begin + std::chrono::seconds{10};
  int admitted = 0;
  std::size_t n = 0;
  std::deque<std::unique_ptr<Call>> calls;
  const auto count = [&](const Call& call) {
    admitted += call.is_admitted() && call.ended >= begin && call.ended < end;
  };
  while (process.now() < end + std::chrono::seconds{queues ? 2 : 0}) {
    for (int i = 0; i < 3; ++i) calls.push_back(std::make_unique<Call>(process[n++ % workers]));
    for (int i = 3; i > 0; --i) calls[calls.size() - static_cast<std::size_t>(i)]->begin();
    process.advance(Millis{10});
    while (!calls.empty() && calls.front()->has_ended()) {
      count(*calls.front());
      calls.pop_front();
    }
  }
  for (const auto& call : calls) count(*call);
  return admitted;
}

TEST_CASE("throttle: lets its rate pass of three times as many, whatever counts them") {
  for (const std::string algorithm : algorithms)
    for (const std::string excess : {"reject", "queue, max_wait: 300ms"})
      for (const std::size_t workers : {1u, 2u}) {
        CAPTURE(algorithm);
        CAPTURE(excess);
        CAPTURE(workers);
        Process process(throttle("rate: 100/s, algorithm: " + algorithm + ", on_excess: " + excess),
                        workers);
        const int admitted = admitted_of_three_times(process, workers, excess.starts_with("queue"));
        CHECK(admitted >= 990);
        CHECK(admitted <= 1010);
      }
}

TEST_CASE("throttle: each worker has its part of a rate that is not shared") {
  Process process(throttle("rate: 5/m, scope: worker"), 2);
  int admitted[2] = {0, 0};
  for (std::size_t worker : {0u, 1u})
    for (int i = 0; i < 9; ++i) {
      Call call(process[worker]);
      admitted[worker] += call.begin().is_admitted();
    }
  CHECK(admitted[0] == 3);
  CHECK(admitted[1] == 2);
}

TEST_CASE("throttle: a refusal says when to come again, as the client and the log read it") {
  Process process(throttle("rate: 2/m, name: api"));
  for (int i = 0; i < 2; ++i) {
    Call call(process[0]);
    REQUIRE(call.begin().is_admitted());
    CHECK(call.field("ratelimit") == "(none)");
  }
  Call call(process[0]);
  call.begin();
  REQUIRE(call.reason() == Reason::throttled);
  CHECK(call.error().retry_after == 30);
  const http::Response answer = http::local_reply(call.error(), call.request());
  CHECK(answer.status == 429);
  CHECK(answer.headers.find("retry-after") == "30");
  CHECK(answer.headers.find("ratelimit-policy") == "\"api\";q=2;w=60");
  CHECK(answer.headers.find("ratelimit") == "\"api\";r=0;t=60");
  CHECK(answer.headers.find("content-type") == "application/problem+json");
  const std::string metrics = process.metrics.render();
  CHECK(metrics.find("outrider_throttled_total{listener=\"in\",route=\"r\",filter=\"api\"} 1") !=
        metrics.npos);
}

TEST_CASE("throttle: fields stand in admitted answers or nowhere, if that is asked for") {
  Process always(throttle("rate: 3/h, headers: always"));
  Call told(always[0]);
  REQUIRE(told.begin().is_admitted());
  CHECK(told.field("ratelimit-policy") == "\"default\";q=3;w=3600");
  CHECK(told.field("ratelimit") == "\"default\";r=2;t=1200");
  Process none(throttle("rate: 1/h, headers: none"));
  Call first(none[0]);
  Call second(none[0]);
  first.begin();
  second.begin();
  CHECK(second.error().retry_after == 3600);
  const http::Response answer = http::local_reply(second.error(), second.request());
  CHECK_FALSE(answer.headers.contains("ratelimit"));
  CHECK(answer.headers.contains("retry-after"));
}

TEST_CASE("throttle: what waits is let in by turns, in the order in which it came") {
  Process process(throttle("rate: 10/s, burst: 1, on_excess: queue, max_wait: 10s"), 2);
  std::vector<std::unique_ptr<Call>> calls;
  for (std::size_t i = 0; i < 20; ++i) {
    calls.push_back(std::make_unique<Call>(process[i / 3 % 2], "/" + std::to_string(i)));
    calls.back()->begin();
  }
  const Time begin = process.now();
  process.advance(Millis{2'000});
  for (std::size_t i = 0; i < 20; ++i) {
    CAPTURE(i);
    REQUIRE(calls[i]->is_admitted());
    const base::Duration off = calls[i]->ended - (begin + Millis{100} * i);
    CHECK(off >= base::Duration{0});
    CHECK(off <= Millis{3});
  }
}

TEST_CASE("throttle: who leaves the queue gives its turn to those behind") {
  Process process(throttle("rate: 10/s, burst: 1, on_excess: queue, max_wait: 10s"), 2);
  std::vector<std::unique_ptr<Call>> calls;
  for (std::size_t i = 0; i < 6; ++i) {
    calls.push_back(std::make_unique<Call>(process[i % 2]));
    calls.back()->begin();
  }
  process.advance(Millis{150});
  CHECK(calls[1]->is_admitted());
  calls[2].reset();  // the first of the queue
  calls[4].reset();
  process.advance(Millis{55});
  CHECK(calls[3]->is_admitted());
  CHECK_FALSE(calls[5]->has_ended());
  process.advance(Millis{100});
  CHECK(calls[5]->is_admitted());
}

TEST_CASE("throttle: nobody waits for what would come too late, and no more than may") {
  Process process(throttle("rate: 10/s, burst: 1, on_excess: queue, max_queue: 3, max_wait: 10s"));
  Call first(process[0]);
  CHECK(first.begin().is_admitted());
  SUBCASE("the queue is full") {
    Call waiting[3] = {Call(process[0]), Call(process[0]), Call(process[0])};
    for (Call& call : waiting) CHECK_FALSE(call.begin().has_ended());
    Call fourth(process[0]);
    CHECK(fourth.begin().reason() == Reason::throttled);
    CHECK(fourth.error().retry_after == 1);
    process.advance(Millis{101});
    CHECK(waiting[0].is_admitted());
    Call fifth(process[0]);
    CHECK_FALSE(fifth.begin().has_ended());
  }
  SUBCASE("its deadline is before its turn") {
    Call late(process[0]);
    late.scope().deadline = process.now() + Millis{99};
    CHECK(late.begin().reason() == Reason::throttled);
    Call hurried(process[0]);
    hurried.info().client_deadline = process.now() + Millis{99};
    CHECK(hurried.begin().reason() == Reason::throttled);
    Call patient(process[0]);
    patient.scope().deadline = process.now() + Millis{100};
    CHECK_FALSE(patient.begin().has_ended());
    process.advance(Millis{101});
    CHECK(patient.is_admitted());
  }
}

TEST_CASE("throttle: who would wait longer than it may is refused at once") {
  Process process(throttle("rate: 10/s, burst: 1, on_excess: queue, max_wait: 250ms"));
  int waiting = 0;
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 9; ++i) {
    calls.push_back(std::make_unique<Call>(process[0]));
    waiting += !calls.back()->begin().has_ended();
  }
  CHECK(waiting == 2);  // after 100 and 200 ms
  process.advance(Millis{260});
  CHECK(calls[2]->is_admitted());
  CHECK(calls[3]->reason() == Reason::throttled);
}

TEST_CASE("throttle: each key has its rate, and those that lack one share one") {
  Process process(throttle("rate: 1/m, key: [\"header:x-a\", source_ip]"));
  const auto passes = [&](const Call::Fields& fields, const std::string& source) {
    Call call(process[0], "/", fields, source);
    return call.begin().is_admitted();
  };
  CHECK(passes({{"x-a", "1"}}, "192.0.2.1"));
  CHECK_FALSE(passes({{"x-a", "1"}}, "192.0.2.1"));
  CHECK(passes({{"x-a", "2"}}, "192.0.2.1"));
  CHECK(passes({{"x-a", "1"}}, "192.0.2.2"));
  CHECK(passes({}, "192.0.2.1"));
  CHECK_FALSE(passes({}, "192.0.2.1"));
  const std::string long_key(300, 'k');
  CHECK(passes({{"x-a", long_key + "1"}}, "192.0.2.1"));
  CHECK_FALSE(passes({{"x-a", long_key + "1"}}, "192.0.2.1"));
  CHECK(passes({{"x-a", long_key + "2"}}, "192.0.2.1"));
}

TEST_CASE("throttle: a key may be an expression: of a field its text, else whether it holds") {
  Process process(throttle("rate: 1/m, key: [source, \"method == GET and path == /a*\"]"));
  const auto passes = [&](const std::string& path, const std::string& source) {
    Call call(process[0], path, {}, source);
    return call.begin().is_admitted();
  };
  CHECK(passes("/a1", "192.0.2.1"));
  CHECK_FALSE(passes("/a2?b", "192.0.2.1"));
  CHECK(passes("/b", "192.0.2.1"));
  CHECK_FALSE(passes("/c", "192.0.2.1"));
  CHECK(passes("/a1", "192.0.2.2"));
  CHECK(passes("/a1", "2001:db8::1"));
  CHECK(passes("/a1", "2001:db8::2"));  // unlike source_ip, which is a network
}

TEST_CASE("throttle: of too many keys the least recently used leaves") {
  Process process(throttle("rate: 1/h, key: \"header:x\", max_keys: 3"));
  const auto passes = [&](const std::string& key) {
    Call call(process[0], "/", {{"x", key}});
    return call.begin().is_admitted();
  };
  for (const char* key : {"a", "b", "c"}) CHECK(passes(key));
  CHECK_FALSE(passes("a"));
  CHECK(passes("d"));  // b leaves
  for (const char* key : {"a", "c", "d"}) CHECK_FALSE(passes(key));
  CHECK(passes("b"));  // a leaves
  CHECK_FALSE(passes("c"));
}

TEST_CASE("throttle: keeps as many keys as it says, wherever they lie") {
  Process process(throttle("rate: 1/h, key: path, max_keys: 2000"));
  const auto passes = [&](int n) {
    Call call(process[0], "/" + std::to_string(n));
    return call.begin().is_admitted();
  };
  int passed = 0;
  for (int i = 0; i < 2'000; ++i) passed += passes(i);
  CHECK(passed == 2'000);
  for (int i = 0; i < 2'000; ++i) passed += passes(i);
  CHECK(passed == 2'000);
}

TEST_CASE("throttle: a key that somebody waits for does not leave") {
  Process process(
      throttle("rate: 1/s, key: \"header:x\", max_keys: 2, on_excess: queue, max_wait: 10s"));
  const auto call = [&](const std::string& key) {
    auto made = std::make_unique<Call>(process[0], "/", Call::Fields{{"x", key}});
    made->begin();
    return made;
  };
  const auto a = call("a");
  const auto a2 = call("a");
  const auto b = call("b");
  const auto b2 = call("b");
  CHECK(a->is_admitted());
  CHECK_FALSE(a2->has_ended());
  CHECK_FALSE(b2->has_ended());
  CHECK(call("c")->reason() == Reason::throttled);  // there is no room for it
  process.advance(Millis{1'002});
  CHECK(a2->is_admitted());
  CHECK(b2->is_admitted());
  CHECK(call("c")->is_admitted());
}

TEST_CASE("throttle: a rate that a reload does not change goes on") {
  Process process(throttle("rate: 1/h"));
  Call first(process[0]);
  CHECK(first.begin().is_admitted());
  process.add_worker(0, 1);  // of the next configuration
  Call second(process[1]);
  CHECK(second.begin().reason() == Reason::throttled);
}

TEST_CASE("throttle: what contradicts itself is refused, and says what to write") {
  const auto mistake_of = [](const std::string& fields, bool is_on_listener = false) {
    const std::string filters = "filters: " + throttle(fields);
    const config::Loaded loaded =
        config::load_text("test.yaml",
                          "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }]" +
                              (is_on_listener ? ", " + filters : std::string()) +
                              " }\nclusters:\n  c: { url: http://a" +
                              (is_on_listener ? std::string() : ", " + filters) + " }\n",
                          filters::specs());
    return loaded.config ? std::string() : loaded.mistakes[0].to_string();
  };
  const std::pair<const char*, const char*> cases[] = {
      {"burst: 3", "\"rate\" is missing"},
      {"rate: 5", "rate"},
      {"rate: 1000001/s", "1000000"},
      {"rate: 5/s, algorithm: fixed_window, burst: 3", "token_bucket"},
      {"rate: 5/s, max_queue: 3", "on_excess: queue"},
      {"rate: 5/s, max_wait: 3s", "on_excess: queue"},
      {"rate: 5/s, max_keys: 3", "with a `key`"},
      {"rate: 5/s, key: peer", "selects nothing"},
      {"rate: 5/s, key: \"header:\"", "has no name"},
      {"rate: 5/s, key: []", "a key of nothing"},
      {"rate: 5/s, key: \"method == \"", "a value is missing"},
      {"rate: 5/s, key: \"methd == GET\"", "did you mean \"method\""},
      {"rate: 5/s, key: \"status >= 500\"", "`status` is not known before"},
      {"rate: 5/s, key: ms.total", "`ms.total` is not known before"},
      {"rate: 5/s, name: \"a\\\"b\"", "printable"},
      {"rate: 5/s, algorithm: bucket", "token_bucket"},
  };
  for (const auto& [fields, expected] : cases) {
    CAPTURE(fields);
    CHECK_MESSAGE(mistake_of(fields).find(expected) != std::string::npos, mistake_of(fields));
  }
  CHECK(mistake_of("rate: 5/s, key: route").empty());
  CHECK(mistake_of("rate: 5/s, key: source_ip", true).empty());
  CHECK(mistake_of("rate: 5/s, key: \"route == a or method == GET\"", true).find("no route") !=
        std::string::npos);
  CHECK(mistake_of("rate: 5/s, key: [source_ip, route]", true).find("no route") !=
        std::string::npos);
}

}  // namespace
