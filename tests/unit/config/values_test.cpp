#include "config/values.hpp"

#include "config/conditions.hpp"

#include <doctest/doctest.h>

namespace {

using base::Millis;

TEST_CASE("durations are whole numbers with units, joined from large to small") {
  const auto millis = [](const char* text) { return config::parse_duration(text).value; };
  CHECK(millis("250ms") == Millis{250});
  CHECK(millis("5s") == Millis{5000});
  CHECK(millis("1m30s") == Millis{90'000});
  CHECK(millis("8760h") == Millis{std::chrono::hours{8760}});
  CHECK(millis("0") == Millis{0});
  for (const char* text : {"", "5", "s", "5 s", "1.5s", "-1s", "+1s", "05s", "1s1m", "1s1s",
                           "8761h", "5x", "1_0s", "99999999999s"})
    CHECK_FALSE(millis(text));
  CHECK(config::parse_duration("5000").problem == "5000 what?");
  CHECK(config::parse_duration("5000").instead == " write 5000s or 5000ms");
}

TEST_CASE("sizes have a unit, of 1000 or of 1024") {
  const auto bytes = [](const char* text) { return config::parse_size(text).value; };
  CHECK(bytes("512B") == 512);
  CHECK(bytes("64KiB") == 65'536);
  CHECK(bytes("10MB") == 10'000'000);
  CHECK(bytes("1GiB") == 1'073'741'824);
  for (const char* text : {"", "64", "64K", "64kib", "KiB", "-1B", "1.5MiB", "01KiB"})
    CHECK_FALSE(bytes(text));
}

TEST_CASE("percentages have at most two decimals and end at 100") {
  const auto hundredths = [](const char* text) { return config::parse_percentage(text).value; };
  CHECK(hundredths("0%") == 0);
  CHECK(hundredths("12.5%") == 1250);
  CHECK(hundredths("0.01%") == 1);
  CHECK(hundredths("100%") == 10'000);
  for (const char* text : {"", "5", "100.01%", "101%", "1.234%", "-1%", ".5%", "5 %"})
    CHECK_FALSE(hundredths(text));
}

TEST_CASE("rates are counts in a second, a minute or an hour, at least one") {
  const auto rate = [](const char* text) { return config::parse_rate(text).value; };
  CHECK(rate("200/s") == config::Rate{200, Millis{1'000}});
  CHECK(rate("12000/m") == config::Rate{12'000, Millis{60'000}});
  CHECK(rate("1/h") == config::Rate{1, Millis{3'600'000}});
  for (const char* text :
       {"", "5", "/s", "5/", "5/ms", "5/d", "0/s", "05/s", "1.5/s", "-1/s", "5 /s"})
    CHECK_FALSE(rate(text));
  CHECK(config::parse_rate("5000000000/s").problem ==
        "\"5000000000/s\" is too much: a rate is at most 4294967295");
  CHECK(config::parse_rate("10").problem == "10 in which time?");
  CHECK(config::parse_rate("10").instead == " write 10/s, 10/m or 10/h");
}

TEST_CASE("conditions name reasons, statuses, classes and groups") {
  const config::Conditions conditions{"connect", "5xx", "429", "410-412", "reset"};
  CHECK(conditions.matches(base::Reason::dns_failure));
  CHECK(conditions.matches(base::Reason::tls_failure));
  CHECK(conditions.matches(base::Reason::reset));
  CHECK_FALSE(conditions.matches(base::Reason::refused));
  for (const int status : {500, 502, 599, 429, 410, 412}) CHECK(conditions.matches_status(status));
  for (const int status : {501, 505, 499, 428, 413, 200, 0, 700})
    CHECK_FALSE(conditions.matches_status(status));
  config::Conditions none;
  for (const char* text : {"conect", "6xx", "99", "600", "504-500", "grpc:ok", "grpc:14",
                           "grpc:", "grpc:Unavailable", ""})
    CHECK_FALSE(none.add(text).empty());
}

TEST_CASE("conditions name gRPC's statuses, apart from HTTP's") {
  const config::Conditions conditions{"grpc:unavailable", "grpc:cancelled"};
  for (int status = -1; status < 20; ++status)
    CHECK(conditions.matches_grpc(status) == (status == 14 || status == 1));
  CHECK_FALSE(conditions.matches_status(503));
  CHECK_FALSE(config::Conditions{"5xx"}.matches_grpc(14));
  config::Conditions mistaken;
  CHECK(mistaken.add("grpc:unavailible").find("unavailable") != std::string::npos);
}

}  // namespace
