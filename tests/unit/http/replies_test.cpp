#include "proxy/http/forwarded.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/local_reply.hpp"
#include "proxy/http/proxy_status.hpp"
#include "tests/unit/http/body_text.hpp"

#include <doctest/doctest.h>

namespace {

using base::Error;
using base::Fault;
using base::Reason;
using http::Name;
using http_test::text_of;

struct Setting {
  http::Request request(std::initializer_list<std::pair<const char*, const char*>> fields) {
    http::RequestHead head;
    head.authority = "a.test";
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    return http::Request(std::move(head), {}, interim, scope, info);
  }

  base::Loop loop;
  http::ConnectionInfo connection;
  http::StreamInfo info{loop, connection};
  http::Scope scope{base::Time{}};
  http::NoInterim interim;
};

TEST_CASE("an attempt's request shares the texts of the exchange's until either changes them") {
  Setting setting;
  http::Request request = setting.request({{"x", "1"}});
  request.path = "/a/path/that/no/string/keeps/within/itself";
  http::Try one(setting.info, setting.scope);
  http::Request attempt = request.fork(one, {});
  CHECK(attempt.path.view().data() == request.path.view().data());
  CHECK(attempt.authority.view().data() == request.authority.view().data());
  CHECK(attempt.headers[0].name.data() == request.headers[0].name.data());
  attempt.path = "/b";
  attempt.headers.set("x", "2");
  CHECK(request.path == "/a/path/that/no/string/keeps/within/itself");
  CHECK(request.headers[0].value == "1");
}

TEST_CASE("each reason has one status and one proxy-status") {
  struct Row {
    Reason reason;
    int status;
    int grpc;
    const char* type;
  };
  constexpr Row rows[] = {{Reason::bad_request, 400, 13, "http_request_error"},
                          {Reason::headers_too_large, 431, 8, "http_request_error"},
                          {Reason::no_route, 404, 12, "destination_not_found"},
                          {Reason::circuit_open, 503, 14, "destination_unavailable"},
                          {Reason::pool_full, 503, 8, "connection_limit_reached"},
                          {Reason::throttled, 429, 8, "http_request_denied"},
                          {Reason::dns_failure, 502, 14, "dns_error"},
                          {Reason::connect_failure, 502, 14, "connection_refused"},
                          {Reason::connect_timeout, 504, 14, "connection_timeout"},
                          {Reason::reset, 502, 14, "connection_terminated"},
                          {Reason::upstream_protocol_error, 502, 13, "http_protocol_error"},
                          {Reason::response_timeout, 504, 4, "http_response_timeout"},
                          {Reason::loop_detected, 508, 13, "proxy_loop_detected"},
                          {Reason::internal, 500, 13, "proxy_internal_error"}};
  Setting setting;
  http::Request request = setting.request({});
  for (const Row& row : rows) {
    const Error error{row.reason, Fault::upstream, "words"};
    CAPTURE(base::to_string(row.reason));
    const http::Response response = http::local_reply(error, request);
    CHECK(response.status == row.status);
    CHECK(http::grpc_status_of(error) == row.grpc);
    CHECK(response.headers.find(Name::proxy_status) ==
          "outrider/outrider; error=" + std::string(row.type) + "; details=\"" +
              std::string(base::to_string(row.reason)) + "\"");
  }
}

TEST_CASE("the body of an error is what the client asked for") {
  Setting setting;
  setting.info.kept_request_id = "0-1";
  Error error{Reason::circuit_open, Fault::upstream, "the breaker is open"};
  error.retry_after = 7;
  SUBCASE("one line of text, only the reason for strangers") {
    http::Request request = setting.request({{"accept", "*/*"}});
    http::Response response = http::local_reply(error, request);
    CHECK(text_of(response.body, setting.loop) ==
          "503 Service Unavailable: circuit_open; request_id 0-1\n");
    CHECK_FALSE(response.headers.contains(Name::x_request_id));
    CHECK(response.headers.find(Name::retry_after) == "7");
  }
  SUBCASE("all that is known for the owner's own app") {
    setting.info.is_outbound = true;
    setting.info.cluster = "orders";
    http::Request request = setting.request({});
    http::Response response = http::local_reply(error, request);
    CHECK(text_of(response.body, setting.loop) ==
          "503 Service Unavailable: circuit_open: the breaker is open; cluster orders; "
          "request_id 0-1\n");
  }
  SUBCASE("a problem document") {
    http::Request request = setting.request({{"accept", "text/html, application/json;q=0.9"}});
    http::Response response = http::local_reply(error, request);
    CHECK(response.headers.find(Name::content_type) == "application/problem+json");
    const std::string body = text_of(response.body, setting.loop);
    CHECK(body.find("\"reason\":\"circuit_open\"") != body.npos);
    CHECK(body.find("\"status\":503") != body.npos);
  }
  SUBCASE("text where JSON is refused, and without a phrase for a status that has none") {
    error.status = 418;
    http::Request request = setting.request({{"accept", "application/json; q=0.00, */*"}});
    http::Response response = http::local_reply(error, request);
    CHECK(text_of(response.body, setting.loop) == "418: circuit_open; request_id 0-1\n");
  }
  SUBCASE("the request's id by the name that the listener gives it") {
    setting.info.request_id_field = "x-request-id";
    http::Request request = setting.request({});
    const http::Response response = http::local_reply(error, request);
    CHECK(response.headers.find(Name::x_request_id) == "0-1");
  }
  SUBCASE("trailers only for gRPC") {
    http::Request request = setting.request({{"content-type", "application/grpc+proto"}});
    const http::Response response = http::local_reply(error, request);
    CHECK(response.status == 200);
    CHECK(response.headers.find(Name::grpc_status) == "14");
    CHECK(response.body.is_empty());
  }
}

TEST_CASE("forwarding fields are believed from trusted peers only") {
  Setting setting;
  setting.connection.remote = base::Address::parse("10.1.2.3:999").value();
  http::Request request = setting.request({{"x-forwarded-for", "6.6.6.6"},
                                           {"x-forwarded-for", "7.7.7.7, 10.9.9.9"},
                                           {"x-forwarded-proto", "https"},
                                           {"forwarded", "for=6.6.6.6"},
                                           {"x-outrider-trace", "1"}});
  http::ForwardedPolicy policy;
  policy.sends_x_forwarded = true;
  SUBCASE("a stranger's are removed") {
    http::apply_forwarded(policy, request, setting.info);
    CHECK(request.headers.find(Name::x_forwarded_for) == "10.1.2.3");
    CHECK(request.headers.find(Name::x_forwarded_proto) == "http");
    CHECK_FALSE(request.headers.contains(Name::forwarded));
    CHECK_FALSE(request.headers.contains(Name::x_outrider_trace));
    CHECK_FALSE(setting.info.is_trusted);
  }
  SUBCASE("from a trusted peer the client is so many hops from the right") {
    policy.trust.push_back(base::AddressRange::parse("10.0.0.0/8").value());
    policy.hops = 2;
    http::apply_forwarded(policy, request, setting.info);
    CHECK(setting.info.source().ip() == "7.7.7.7");
    CHECK(request.headers.find(Name::x_forwarded_for) == "6.6.6.6, 7.7.7.7, 10.9.9.9, 10.1.2.3");
    CHECK(request.headers.contains(Name::x_outrider_trace));
  }
}

TEST_CASE("gRPC deadlines are read and written") {
  using namespace std::chrono;
  CHECK(http::parse_grpc_timeout("3S") == seconds{3});
  CHECK(http::parse_grpc_timeout("250m") == milliseconds{250});
  CHECK(http::parse_grpc_timeout("1H") == hours{1});
  for (const char* text : {"", "S", "3", "3s", "123456789S", "-1S", "1.5S"})
    CHECK_FALSE(http::parse_grpc_timeout(text));
  CHECK(http::grpc_timeout(milliseconds{1500}) == "1500m");
  CHECK(http::grpc_message("a%\n\xc3\xa9") == "a%25%0A%C3%A9");
}

TEST_CASE("proxy-status: what an Outrider behind says of an answer that it made itself") {
  const auto reason_of = [](std::initializer_list<std::string_view> lines) {
    http::Headers answer;
    for (const std::string_view line : lines) answer.add("proxy-status", line);
    const auto status = http::proxy_status_for(answer, "1a2b3c4d-egress");
    return status ? status->reason : Reason::none;
  };
  CHECK(reason_of({"outrider/shop; error=connection_refused; details=\"connect_failure\"; "
                   "to=\"1a2b3c4d-egress\""}) == Reason::connect_failure);
  CHECK(reason_of({"outrider/a; error=dns_error; details=\"dns_failure\", cdn; error=dns_error",
                   "outrider/b; error=http_protocol_error; details=\"pool_full\"; "
                   "to=\"1a2b3c4d-egress\"; unsent"}) == Reason::pool_full);
  for (const std::string line :
       {"", "outrider/shop", "other/shop; error=dns_error; details=\"dns_failure\"",
        "outrider/shop; details=\"dns_failure\"", "outrider/shop; error=dns_error",
        "outrider/shop; error=dns_error; details=\"unknown\""}) {
    CAPTURE(line);
    CHECK(reason_of({line + "; to=\"1a2b3c4d-egress\""}) == Reason::none);
  }
  // Copies that somebody hands on.
  for (const std::string_view line :
       {"outrider/shop; error=dns_error; details=\"dns_failure\"",
        "outrider/shop; error=dns_error; details=\"dns_failure\"; to=\"1a2b3c4d-egress",
        "outrider/shop; error=dns_error; details=\"dns_failure\"; to=\"99999999-egress\"; unsent",
        "outrider/shop; error=dns_error; details=\"dns_failure\"; to=\"1a2b3c4d-egress\", cdn"}) {
    CAPTURE(line);
    CHECK(reason_of({line}) == Reason::none);
  }
}

TEST_CASE("proxy-status: is read as it is written, by whom it was written for") {
  http::Headers answer;
  http::say_proxy_status(answer, "my shop", "connection_refused", {Reason::connect_failure, true},
                         "1a2b3c4d-egress");
  CHECK(answer.find(Name::proxy_status) ==
        "outrider/my_shop; error=connection_refused; details=\"connect_failure\"; "
        "to=\"1a2b3c4d-egress\"; unsent");
  const auto status = http::proxy_status_for(answer, "1a2b3c4d-egress");
  REQUIRE(status);
  CHECK(status->reason == Reason::connect_failure);
  CHECK(status->is_unsent);
  CHECK_FALSE(http::proxy_status_for(answer, "1a2b3c4d-ingress"));
  CHECK_FALSE(http::proxy_status_for(answer, ""));
  http::Headers evil;
  http::say_proxy_status(evil, "shop", "dns_error", {Reason::dns_failure, true}, "x\"; unsent");
  CHECK(evil.find(Name::proxy_status) == "outrider/shop; error=dns_error; details=\"dns_failure\"");
}

struct Ended final : http::Guard {
  explicit Ended(std::vector<int>& in_order, int own) : order(in_order), number(own) {}
  void ended(const http::Outcome& outcome) noexcept override {
    order.push_back(number);
    reason = outcome.reason;
  }
  std::vector<int>& order;
  int number;
  Reason reason = Reason::none;
};

TEST_CASE("a scope tells its guards once, in reverse order, also when it is destroyed") {
  std::vector<int> order;
  {
    http::Scope scope{base::Time{}};
    scope.hold(std::make_unique<Ended>(order, 1));
    scope.hold(std::make_unique<Ended>(order, 2));
    SUBCASE("ended") {
      scope.end();
      CHECK(order == std::vector<int>{2, 1});
    }
    SUBCASE("destroyed") {}
  }
  CHECK(order == std::vector<int>{2, 1});
}

}  // namespace
