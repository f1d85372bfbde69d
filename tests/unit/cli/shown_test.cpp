// What is made of what the admin side says.
#include "proxy/cli/admin_client.hpp"
#include "proxy/cli/rates.hpp"
#include "proxy/cli/story.hpp"
#include "proxy/cli/terminal.hpp"

#include <doctest/doctest.h>

namespace {

constexpr const char* metrics = R"(# HELP outrider_requests_total x
outrider_requests_total{listener="e",route="r",cluster="c",code="200",reason=""} 90
outrider_requests_total{listener="e",route="r",cluster="c",code="502",reason="reset"} 10
outrider_request_duration_seconds_bucket{listener="e",route="r",cluster="c",le="0.01"} 50
outrider_request_duration_seconds_bucket{listener="e",route="r",cluster="c",le="0.1"} 100
outrider_request_duration_seconds_bucket{listener="e",route="r",cluster="c",le="+Inf"} 100
odd{a="b\"c",d="}"} 1.5
)";

TEST_CASE("samples: are read back with their labels") {
  const std::vector<cli::Sample> samples = cli::parse_samples(metrics);
  REQUIRE(samples.size() == 6);
  CHECK(samples[1].label("reason") == "reset");
  CHECK(samples[5].label("a") == "b\"c");
  CHECK(samples[5].label("d") == "}");
  CHECK(samples[5].value == 1.5);
}

TEST_CASE("rates: what happened between two looks") {
  const std::vector<cli::RouteRates> rates = cli::rates_between({}, cli::parse_samples(metrics), 2);
  REQUIRE(rates.size() == 1);
  CHECK(rates[0].route == "r");
  CHECK(rates[0].requests == 50);
  CHECK(rates[0].failures == 5);
  CHECK(rates[0].p50 == doctest::Approx(0.01));
  CHECK(rates[0].p95 == doctest::Approx(0.091));
}

TEST_CASE("rates: what was there before the first look does not count") {
  const std::vector<cli::Sample> before = cli::parse_samples(metrics);
  std::vector<cli::Sample> now = before;
  now[0].value += 4;
  const std::vector<cli::RouteRates> rates = cli::rates_between(before, now, 2);
  REQUIRE(rates.size() == 1);
  CHECK(rates[0].requests == 2);
  CHECK(rates[0].failures == 0);
  CHECK(rates[0].p50 == -1);
}

TEST_CASE("a story: what became of each attempt, and who decided") {
  const std::string story = cli::story_of(cli::parse_json(
      R"({"request_id":"id","ts":"T","listener":"e","route":"r","method":"GET","host":"h",)"
      R"("path":"/\u001b[2J","status":502,"reason":"connect_failure","bytes_in":0,"bytes_out":9,)"
      R"("ms":{"total":1500.5},"cluster":"c","source":"127.0.0.1","protocol":"http1","attempts":)"
      R"([{"number":1,"endpoint":"a:1","ms":{"queue":0.1},"reason":"connect_failure",)"
      R"("detail":"cannot connect: Connection refused"}],"policies":[{"filter":"retry",)"
      R"("place":"cluster c","did":"denied another attempt: max_retries","at":"o.yaml:9"}]})"));
  for (const char* words :
       {"GET h/?[2J  502 connect_failure\n", "over after 1.50 s", "attempt 1  a:1  connect_failure",
        "cannot connect: Connection refused", "no connection; waited 0.1 ms",
        "retry of cluster c: denied another attempt: max_retries  o.yaml:9"})
    CHECK_MESSAGE(story.find(words) != story.npos, story);
}

TEST_CASE("a story: of a session, and of what was held") {
  const std::string session = cli::story_of(cli::parse_json(
      R"({"request_id":"id","ts":"T","listener":"stun","method":"CONNECT","host":"","path":"",)"
      R"("status":502,"reason":"connect_failure","bytes_in":4,"bytes_out":0,"ms":{"total":1.5},)"
      R"("cluster":"turn","source":"127.0.0.1","protocol":"udp","attempts":[{"number":1,)"
      R"("endpoint":"a:1","bytes_sent":4,"bytes_received":0,"ms":{},"reason":"connect_failure"}],)"
      R"("policies":[]})"));
  for (const char* words : {"udp session  502 connect_failure\n",
                            "attempt 1  a:1  connect_failure\n",
                            "a socket of its own; 4 bytes sent, 0 received\n"})
    CHECK_MESSAGE(session.find(words) != session.npos, session);
  const std::string held = cli::story_of(cli::parse_json(
      R"({"method":"GET","host":"h","path":"/","protocol":"http1","status":502,"ms":{},)"
      R"("attempts":[{"number":1,"endpoint":"a:1","ms":{"queue":500.5,"held":499.5},)"
      R"("reason":"connect_failure"}],"policies":[]})"));
  const char* words =
      "no connection; waited 500.5 ms, of that held, as nothing could be connected to, 499.5 ms\n";
  CHECK_MESSAGE(held.find(words) != held.npos, held);
}

TEST_CASE("a story: of what a fallback answered, and whose the attempts were") {
  const std::string story = cli::story_of(cli::parse_json(
      R"({"method":"GET","host":"h","path":"/","protocol":"http1","status":200,"cluster":"other",)"
      R"("fallback":{"by":"to","cluster":"app","status":503},"ms":{},"attempts":[)"
      R"({"number":1,"cluster":"app","endpoint":"a:1","ms":{},"status":503},)"
      R"({"number":2,"endpoint":"b:1","ms":{},"status":200}],"policies":[]})"));
  for (const char* words : {"200, by fallback\n", "attempt 1  a:1 of cluster app  503\n",
                            "attempt 2  b:1  200\n"})
    CHECK_MESSAGE(story.find(words) != story.npos, story);
}

TEST_CASE("the terminal: obeys nobody but us") {
  CHECK(cli::harmless("a\x1b[0m\x7f") == "a?[0m?");
  CHECK(cli::escaped_for_query("a b&c=/") == "a%20b%26c%3D%2F");
}

}  // namespace
