#include "tests/unit/filters/workers.hpp"

#include <doctest/doctest.h>

namespace {

using namespace filters_test;
using base::Error;
using base::Fault;

std::string fallback(const std::string& fields, const std::string& below = "") {
  return "[{ fallback: { " + fields + " } }" + below + "]";
}

Reply error(Reason reason, bool is_unsent = false) {
  Error error{reason, Fault::upstream, "as told"};
  error.unsent = is_unsent;
  return error;
}

Reply response(int status, const std::string& body = "good", const Call::Fields& fields = {}) {
  http::Response made;
  made.status = status;
  for (const auto& [name, value] : fields) made.headers.add(name, value);
  made.body = http::Body::of(base::Bytes::copy_of(body));
  return made;
}

TEST_CASE("fallback: answers as it is told for what it is meant for, and says what was wrong") {
  Process process(
      fallback("when: [503, connect], respond: { status: 200, body: \"[]\", "
               "headers: { content-type: application/json } }"));
  const struct {
    Reply reply;
    bool is_meant;
    Reason reason;
  } cases[] = {
      {error(Reason::connect_failure), true, Reason::connect_failure},
      {error(Reason::dns_failure), true, Reason::dns_failure},
      {response(503), true, Reason::none},
      {response(500), false, Reason::none},
      {error(Reason::reset), false, Reason::none},
  };
  for (const auto& each : cases) {
    process[0].upstream.answer = [&](const Request&) {
      return each.reply ? response(each.reply->status) : Reply(each.reply.error());
    };
    Call call(process[0]);
    call.begin();
    if (!each.is_meant) {
      CHECK((each.reply ? (*call.reply)->status == 500 : call.reason() == Reason::reset));
      continue;
    }
    REQUIRE(call.is_admitted());
    CHECK((*call.reply)->status == 200);
    CHECK((*call.reply)->reason == each.reason);
    CHECK_FALSE((*call.reply)->is_from_upstream);
    CHECK(call.field("content-length") == "2");
    CHECK(call.field("content-type") == "application/json");
    CHECK(call.body() == "[]");
  }
}

TEST_CASE("fallback: catches refusals of what stands below it") {
  Process process(fallback("respond: { status: 204 }", ", { throttle: { rate: 1/h } }"));
  Call first(process[0]);
  CHECK((*first.begin().reply)->status == 200);
  Call second(process[0]);
  CHECK((*second.begin().reply)->status == 204);
  CHECK((*second.reply)->reason == Reason::throttled);
}

struct Stale {
  explicit Stale(const std::string& fields = "") : process(fallback("stale: {" + fields + "}")) {}
  // Both kept if it may be, and asked for again when nothing else can be had.
  std::string after_failure(const Call::Fields& answer, const Call::Fields& request = {},
                            int status = 200, http::Method method = http::Method::get) {
    good(answer, request, status, "good", method);
    return asked(request, method);
  }
  void good(const Call::Fields& answer, const Call::Fields& request = {}, int status = 200,
            const std::string& body = "good", http::Method method = http::Method::get,
            const std::string& path = "/") {
    process[0].upstream.answer = [&](const Request&) { return response(status, body, answer); };
    Call call(process[0], path, request, "192.0.2.1", method);
    call.begin().body();
  }
  std::string asked(const Call::Fields& request = {}, http::Method method = http::Method::get,
                    const std::string& path = "/") {
    process[0].upstream.answer = [](const Request&) { return error(Reason::circuit_open); };
    Call call(process[0], path, request, "192.0.2.1", method);
    call.begin();
    if (!call.is_admitted()) return "none";
    CHECK((*call.reply)->reason == Reason::circuit_open);
    age = call.field("age");
    status_of_cache = call.field("cache-status");
    kind = call.field("content-type");
    return call.body();
  }
  Process process;
  std::string age, status_of_cache, kind;
};

TEST_CASE("fallback: gives the last good answer, and says how old it is") {
  Stale stale;
  CHECK(stale.asked() == "none");
  stale.good({{"content-type", "text/plain"}, {"age", "3"}}, {}, 200, "old");
  stale.good({{"content-type", "text/plain"}, {"age", "3"}});
  stale.process.advance(Millis{4'000});
  CHECK(stale.asked() == "good");
  CHECK(stale.age == "7");
  CHECK(stale.status_of_cache == "outrider; hit; detail=\"circuit_open\"");
  CHECK(stale.kind == "text/plain");
  CHECK(stale.asked({}, http::Method::get, "/other") == "none");
  CHECK(stale.asked({}, http::Method::get, "/?a") == "none");
  CHECK(stale.asked({}, http::Method::post) == "none");
}

TEST_CASE("fallback: an answer that is too old is none") {
  Stale stale(" max_age: 2s ");
  stale.good({});
  stale.process.advance(Millis{2'000});
  CHECK(stale.asked() == "good");
  stale.process.advance(Millis{1});
  CHECK(stale.asked() == "none");
}

TEST_CASE("fallback: keeps only what is for everybody") {
  using Fields = Call::Fields;
  CHECK(Stale().after_failure({{"cache-control", "max-age=0, public"}}) == "good");
  CHECK(Stale().after_failure({}, {}, 200, http::Method::head) == "good");
  for (const Fields& answer : {Fields{{"cache-control", "No-Store"}},
                               Fields{{"cache-control", "max-age=3, private=\"x\""}},
                               Fields{{"set-cookie", "a=b"}}, Fields{{"vary", "accept, *"}}}) {
    CAPTURE(answer[0].second);
    CHECK(Stale().after_failure(answer) == "none");
  }
  for (const Fields& request :
       {Fields{{"authorization", "x"}}, Fields{{"cookie", "a=b"}}, Fields{{"range", "bytes=0-1"}},
        Fields{{"cache-control", "no-store"}}}) {
    CAPTURE(request[0].first);
    CHECK(Stale().after_failure({}, request) == "none");
  }
  for (const int status : {201, 206, 301, 404})
    CHECK(Stale().after_failure({}, {}, status) == "none");
  CHECK(Stale().after_failure({}, {}, 200, http::Method::post) == "none");
}

TEST_CASE("fallback: an answer that varies is for who asks alike") {
  Stale stale;
  const Call::Fields varies = {{"vary", "Accept-Language"}};
  stale.good(varies, {{"accept-language", "de"}}, 200, "gut");
  stale.good(varies, {{"accept-language", "en"}}, 200, "good");
  CHECK(stale.asked({{"accept-language", "de"}}) == "gut");
  CHECK(stale.asked({{"accept-language", "en"}}) == "good");
  CHECK(stale.asked({{"accept-language", "fr"}}) == "none");
  CHECK(stale.asked() == "none");
}

TEST_CASE("fallback: what is kept is bounded, and the least recently used leaves") {
  Stale stale(" max_size: 10kB ");
  const auto keep = [&](const std::string& path, std::size_t size) {
    stale.good({}, {}, 200, std::string(size, 'x'), http::Method::get, path);
  };
  const auto has = [&](const std::string& path) {
    return stale.asked({}, http::Method::get, path) != "none";
  };
  keep("/a", 3'000);
  keep("/b", 3'000);
  CHECK(has("/a"));
  keep("/c", 3'000);
  CHECK(has("/a"));
  CHECK_FALSE(has("/b"));
  keep("/d", 11'000);
  CHECK_FALSE(has("/d"));
  Stale large;
  large.good({}, {}, 200, std::string(1024 * 1024 + 1, 'x'));
  CHECK(large.asked() == "none");
}

TEST_CASE("fallback: an answer that broke off is not kept") {
  Stale stale;
  stale.process[0].upstream.answer = [](const Request&) {
    Reply made = response(200);
    (*made).body = http::Body(new Upstream::Cut);
    return made;
  };
  Call call(stale.process[0]);
  call.begin().body();
  CHECK(stale.asked() == "none");
}

TEST_CASE("fallback: another cluster answers, and what failed holds nothing any more") {
  Process process(fallback("to: other, when: [503, reset, connect, bulkhead_full]",
                           ", { bulkhead: { max_concurrent: 1 } }"));
  Worker& worker = process[0];
  worker.other.answer = [](const Request&) { return response(200, "other"); };
  worker.upstream.answer = [](const Request&) { return error(Reason::reset); };
  for (int i = 0; i < 2; ++i) {
    Call call(worker);
    call.begin();
    REQUIRE(call.is_admitted());
    CHECK((*call.reply)->reason == Reason::reset);
    CHECK(call.info().cluster == "other");
    CHECK(call.body() == "other");
  }
  worker.upstream.answer = [](const Request&) { return response(503); };
  Call call(worker);
  call.begin();
  CHECK(call.body() == "other");
  CHECK(worker.upstream.calls == 3);
}

TEST_CASE("fallback: an attempt that went well is not said to have been answered by one") {
  Process process("[{ retry: {} }, { fallback: { to: other, when: [connect] } }]");
  Worker& worker = process[0];
  worker.other.answer = [](const Request&) { return error(Reason::connect_failure, true); };
  worker.upstream.answer = [&](const Request&) {
    return worker.upstream.calls > 1 ? response(200) : error(Reason::connect_failure, true);
  };
  Call call(worker);
  call.begin();
  CHECK(call.info().fell_back.by == "to");
  while (!call.has_ended()) worker.loop.advance(base::Millis{100});
  CHECK((*call.reply)->status == 200);
  CHECK(call.info().fell_back.by.empty());
}

TEST_CASE("fallback: another cluster is not asked to do twice what may have been done") {
  const struct {
    Reply reply;
    http::Method method;
    bool is_handed_over;
  } cases[] = {
      {error(Reason::reset), http::Method::get, true},
      {error(Reason::reset), http::Method::post, false},
      {error(Reason::connect_failure), http::Method::post, true},
      {error(Reason::circuit_open), http::Method::post, true},
      {error(Reason::throttled), http::Method::post, true},
      {error(Reason::reset, true), http::Method::post, true},
      {response(503), http::Method::post, false},
      {response(503), http::Method::put, true},
  };
  for (const auto& each : cases) {
    Process process(fallback("to: other, when: [503, reset, connect, circuit_open, throttled]"));
    process[0].upstream.answer = [&](const Request&) {
      return each.reply ? response(each.reply->status) : Reply(each.reply.error());
    };
    Call call(process[0], "/", {}, "192.0.2.1", each.method);
    call.begin();
    CHECK(process[0].other.calls == (each.is_handed_over ? 1 : 0));
    if (!each.is_handed_over && !each.reply) CHECK(call.reason() == Reason::reset);
  }
}

TEST_CASE("fallback: if the other cluster fails too, the client learns why the first one did") {
  Process process(fallback("to: other"));
  process[0].upstream.answer = [](const Request&) { return error(Reason::connect_failure); };
  process[0].other.answer = [](const Request&) { return error(Reason::reset); };
  Call call(process[0]);
  CHECK(call.begin().reason() == Reason::connect_failure);
}

std::string mistake_of(const std::string& fields, const std::string& others = "",
                       const std::string& route = "") {
  const config::Loaded loaded =
      config::load_text("test.yaml",
                        "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c" +
                            route + " }] }\nclusters:\n  other: { url: http://b" + others +
                            " }\n  c: { url: http://a, filters: " + fallback(fields) + " }\n",
                        filters::specs());
  return loaded.config ? "" : loaded.mistakes[0].to_string();
}

TEST_CASE("fallback: what contradicts itself is refused, and says what to write") {
  const std::string exactly = "exactly one of `respond`, `stale` and `to`";
  const struct {
    std::string fields;
    std::string expected;
    std::string others = "";
    std::string route = "";
  } cases[] = {
      {"when: [503]", exactly},
      {"stale: {}, to: other", exactly},
      {"respond: {}, stale: {}", exactly},
      {"to: othr", "there is no cluster \"othr\", did you mean \"other\"?"},
      {"to: c", "leads back to the cluster \"c\""},
      {"to: other", "leads back", ", filters: [{ fallback: { to: c } }]"},
      {"to: other", "may stand once on a path", ", filters: [retry]", ", filters: [retry]"},
      {"stale: { max_age: 0s }", "max_age"},
      {"respond: { status: 204, body: x }", "has no body"},
      {"respond: { status: 99 }", "99"},
      {"to: other, when: [client_gone]", "comes too late"},
  };
  for (const auto& each : cases) {
    CAPTURE(each.fields);
    const std::string mistake = mistake_of(each.fields, each.others, each.route);
    if (each.expected == "max_age")
      CHECK_FALSE(mistake.empty());
    else
      CHECK_MESSAGE(mistake.find(each.expected) != std::string::npos, mistake);
  }
  CHECK(mistake_of("to: other", ", filters: [retry]").empty());
  CHECK(mistake_of("stale: {}").empty());
}

}  // namespace
