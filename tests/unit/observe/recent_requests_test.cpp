#include "proxy/observe/recent_requests.hpp"

#include "proxy/observe/described_exchange.hpp"
#include "proxy/observe/line_template.hpp"
#include "proxy/observe/tap.hpp"

#include <doctest/doctest.h>

namespace {

struct Ended {
  base::Loop loop{base::Clock::now()};
  http::ConnectionInfo connection;
  http::StreamInfo info{loop, connection};
  observe::AccessRecord record{"GET", "a.test", "/x y", {}};

  Ended() {
    connection.remote = *base::Address::parse("127.0.0.1:5");
    connection.protocol = "http1";
    info.listener = "egress";
    info.status = 200;
    info.attempts = 1;
    info.attempt.number = 1;
    info.kept_request_id = "the-id";
    info.first_byte = info.started + base::Millis{5};
    record.ended = info.started + base::Millis{12};
  }
  void keep(observe::RecentRequests& recent) {
    recent.keep(info, record, observe::RecentRequests::worth(info));
  }
};

TEST_CASE("recent requests: what is worth keeping") {
  using base::Reason;
  struct Case {
    int status;
    Reason reason;
    int attempts;
    base::Millis first_byte;
    const char* why;
  };
  const Case cases[] = {
      {200, Reason::none, 1, base::Millis{5}, ""},
      {404, Reason::none, 1, base::Millis{5}, ""},
      {500, Reason::none, 1, base::Millis{5}, "failed"},
      {429, Reason::throttled, 0, base::Millis{5}, "failed"},
      {200, Reason::response_aborted, 1, base::Millis{5}, "failed"},
      {200, Reason::client_gone, 1, base::Millis{5}, ""},
      {200, Reason::none, 2, base::Millis{5}, "retried"},
      {200, Reason::none, 1, base::Millis{1500}, "slow"},
  };
  for (const Case& each : cases) {
    Ended ended;
    ended.info.status = each.status;
    ended.info.reason = each.reason;
    ended.info.attempts = each.attempts;
    ended.info.first_byte = ended.info.started + each.first_byte;
    CHECK(observe::RecentRequests::worth(ended.info) == each.why);
  }
  Ended fallen_back;
  fallen_back.info.fell_back = {"stale", "app", Reason::none, 503};
  CHECK(observe::RecentRequests::worth(fallen_back.info) == "failed");
  Ended gone;
  gone.info.reason = base::Reason::client_gone;
  gone.info.first_byte = base::never;
  CHECK(observe::RecentRequests::worth(gone.info) == "failed");
}

TEST_CASE("recent requests: tells each attempt, in their order") {
  Ended ended;
  {
    http::Scope around(ended.info.started);
    http::Try first(ended.info, around), second(ended.info, around);
    first.attempt.number = 1;
    first.attempt.endpoint = "10.0.0.1:80";
    first.attempt.outcome.reason = base::Reason::connect_failure;
    first.attempt.detail = "cannot connect";
    second.attempt.number = 2;
    second.attempt.endpoint = "10.0.0.2:80";
    second.attempt.outcome.status = 200;
    second.is_answered_with();
  }
  ended.info.attempts = 2;
  CHECK(ended.info.attempt.endpoint == "10.0.0.2:80");
  observe::RecentRequests recent;
  ended.info.attempt.number = 2;
  ended.keep(recent);
  const auto found = recent.of("the-id");
  REQUIRE(found.size() == 1);
  CHECK(found[0].kept_for == "retried");
  const auto with_endpoint = [&](std::string_view endpoint) {
    for (const observe::RecordedAttempt& attempt : found[0].attempts)
      if (attempt.endpoint == endpoint) return attempt;
    return observe::RecordedAttempt();
  };
  CHECK(with_endpoint("10.0.0.1:80").detail == "cannot connect");
  CHECK(with_endpoint("10.0.0.2:80").outcome.status == 200);
  CHECK(found[0].attempts.back().number == 2);
}

TEST_CASE("recent requests: so many are kept, and so many a second") {
  observe::RecentRequests recent;
  Ended ended;
  ended.info.status = 503;
  for (int i = 0; i < observe::RecentRequests::most_a_second + 7; ++i) {
    ended.info.kept_request_id = "id-" + std::to_string(i);
    ended.keep(recent);
  }
  CHECK(recent.all().size() == observe::RecentRequests::most);
  CHECK(recent.all().front().request_id == "id-499");
  CHECK(recent.not_kept() == 7);
  ended.record.ended += std::chrono::seconds{1};
  ended.info.kept_request_id = "later";
  ended.keep(recent);
  CHECK(recent.of("later").size() == 1);
}

TEST_CASE("tap: shows what is asked for, and counts what is not taken") {
  observe::Tap tap;
  CHECK_FALSE(tap.is_watched());
  Ended ended;
  int woken = 0;
  {
    observe::Tap::Watcher all(tap, nullptr, [&] { ++woken; });
    observe::Tap::Watcher bad(tap, config::parse_expression("status >= 500").value, [] {});
    CHECK(tap.is_watched());
    tap.offer(ended.info, ended.record);
    tap.offer(ended.info, ended.record);
    CHECK(woken == 1);
    CHECK(all.take().lines.size() == 2);
    CHECK(bad.take().lines.empty());
    for (int i = 0; i < 1003; ++i) tap.offer(ended.info, ended.record);
    const observe::Tap::Watcher::Taken taken = all.take();
    CHECK(taken.lines.size() == 1000);
    CHECK(taken.lost == 3);
    CHECK(woken == 2);
  }
  CHECK_FALSE(tap.is_watched());
}

TEST_CASE("access log lines: as they are asked for") {
  Ended ended;
  std::string line;
  observe::LineTemplate::of_text("{{{ts}}} {method} \"{path}\" {status} {ms.total} {reason}")
      .append(line, ended.info, ended.record, "T");
  CHECK(line == "{T} GET \"/x\\x20y\" 200 12.000 -\n");
  line.clear();
  observe::LineTemplate::of_fields({"status", "ts", "reason", "path", "reused"})
      .append(line, ended.info, ended.record, "T");
  CHECK(line == "{\"status\":200,\"ts\":\"T\",\"path\":\"/x y\",\"reused\":false}\n");
}

TEST_CASE("access log rules: take what they name, and a share of what is well") {
  Ended ended;
  observe::LineRules rules;
  CHECK(rules.take_all());
  rules.when = config::parse_expression("status >= 500").value;
  CHECK_FALSE(rules.take_all());
  CHECK_FALSE(rules.take(ended.info, ended.record));
  ended.info.status = 502;
  CHECK(rules.take(ended.info, ended.record));
  rules.when = nullptr;
  rules.sample = 0;
  CHECK(rules.take(ended.info, ended.record));
  ended.info.status = 200;
  CHECK_FALSE(rules.take(ended.info, ended.record));
}

}  // namespace
