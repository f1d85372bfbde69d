#include "proxy/http/rpc_form.hpp"

#include "proxy/base/grpc_status.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/envelopes.hpp"
#include "proxy/http/local_reply.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

using base::Error;
using base::Fault;
using base::Reason;
using http::Name;
using http::RpcForm;
using Fields = std::vector<std::pair<const char*, const char*>>;

http::RequestHead head_of(http::Method method, const char* path, const Fields& fields) {
  http::RequestHead head;
  head.method = method;
  head.path = path;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

base::Task<> read_all(http::Body& body, std::string& into) {
  for (;;) {
    auto piece = co_await body.read();
    if (!piece || piece->empty()) co_return;
    into.append(piece->view());
  }
}

// A failure as a caller is told of it who sent these fields.
struct Told {
  explicit Told(const char* content_type) : Told(Fields{{"content-type", content_type}}) {}
  explicit Told(const Fields& fields) {
    http::StreamInfo info(loop, connection);
    http::Scope scope(base::Time{});
    http::Request request(head_of(http::Method::post, "/s.S/M", fields), {}, interim, scope, info);
    const Error error{Reason::throttled, Fault::proxy, "words"};
    response = http::local_reply(error, request);
    base::TaskGroup tasks(loop);
    tasks.spawn(read_all(response.body, body)).release();
    loop.settle();
    CHECK(response.headers.find(Name::proxy_status).has_value());
    if (!body.empty())
      CHECK(response.headers.find(Name::content_length) == std::to_string(body.size()));
  }

  base::Loop loop;
  http::ConnectionInfo connection;
  http::NoInterim interim;
  http::Response response;
  std::string body;
};

const std::string web_text = "grpc-status: 8\r\ngrpc-message: throttled\r\n";

TEST_CASE("rpc: the form of a call is told by its content-type, or by its version of Connect") {
  using http::Method;
  const struct {
    Method method;
    const char* path;
    Fields fields;
    RpcForm form;
  } cases[] = {
      {Method::post, "/", {}, RpcForm::none},
      {Method::post, "/", {{"content-type", "application/json"}}, RpcForm::none},
      {Method::post, "/", {{"content-type", "application/grpcx"}}, RpcForm::none},
      {Method::post, "/", {{"content-type", "application/grpc"}}, RpcForm::grpc},
      {Method::post, "/", {{"content-type", "Application/GRPC+proto"}}, RpcForm::grpc},
      {Method::post, "/", {{"content-type", "application/grpc;v=1"}}, RpcForm::grpc},
      {Method::post, "/", {{"content-type", "application/grpc-web"}}, RpcForm::grpc_web},
      {Method::post, "/", {{"content-type", "application/grpc-web+json"}}, RpcForm::grpc_web},
      {Method::post, "/", {{"content-type", "application/grpc-web-text"}}, RpcForm::grpc_web_text},
      {Method::post, "/", {{"content-type", "application/connect+json"}}, RpcForm::connect_stream},
      {Method::post,
       "/",
       {{"content-type", "application/json"}, {"connect-protocol-version", "1"}},
       RpcForm::connect_unary},
      {Method::get, "/s?connect=v1&message=a", {}, RpcForm::connect_unary},
      {Method::get, "/s?message=a&connect=v1", {}, RpcForm::connect_unary},
      {Method::get, "/s?reconnect=v1", {}, RpcForm::none},
      {Method::post, "/s?connect=v1", {}, RpcForm::none},
  };
  for (const auto& each : cases) {
    CAPTURE(each.path);
    CHECK(http::rpc_form(head_of(each.method, each.path, each.fields)) == each.form);
  }
}

TEST_CASE("rpc: gRPC is told in its fields") {
  const Told told("application/grpc+proto");
  CHECK(told.response.status == 200);
  CHECK(told.response.headers.find(Name::content_type) == "application/grpc+proto");
  CHECK(told.response.headers.find(Name::grpc_status) == "8");
  CHECK(told.response.headers.find(Name::grpc_message) == "throttled");
  CHECK(told.body.empty());
}

TEST_CASE("rpc: gRPC-Web is told by trailers in the body") {
  const Told told("application/grpc-web+proto");
  CHECK(told.response.status == 200);
  CHECK(told.response.headers.find(Name::content_type) == "application/grpc-web+proto");
  CHECK_FALSE(told.response.headers.contains(Name::grpc_status));
  CHECK(told.body == std::string("\x80\0\0\0\x29", 5) + web_text);
  const Told text("application/grpc-web-text");
  CHECK(text.body == "gAAAAClncnBjLXN0YXR1czogOA0KZ3JwYy1tZXNzYWdlOiB0aHJvdHRsZWQNCg==");
}

TEST_CASE("rpc: a stream of Connect is told by the envelope that ends it") {
  const Told told("application/connect+proto");
  CHECK(told.response.status == 200);
  CHECK(told.response.headers.find(Name::content_type) == "application/connect+proto");
  const std::string json =
      "{\"error\":{\"code\":\"resource_exhausted\",\"message\":\"throttled\"}}\n";
  REQUIRE(told.body.size() == 5 + json.size());
  CHECK(told.body.substr(0, 4) == std::string("\x02\0\0\0", 4));
  CHECK(told.body[4] == static_cast<char>(json.size()));
  CHECK(told.body.substr(5) == json);
}

TEST_CASE("rpc: a call of Connect is told in JSON, with the failure's own status") {
  const Fields fields = {{"content-type", "application/proto"}, {"connect-protocol-version", "1"}};
  const Told told(fields);
  CHECK(told.response.status == 429);
  CHECK(told.response.headers.find(Name::content_type) == "application/json");
  CHECK(told.body == "{\"code\":\"resource_exhausted\",\"message\":\"throttled\"}\n");
}

TEST_CASE("rpc: between which messages a body is, however it is cut") {
  const std::string wire = http::envelope(0, "") + http::envelope(1, "four") +
                           http::envelope('\x02', std::string(300, 'x'));
  for (std::size_t at = 0; at <= wire.size(); ++at) {
    http::EnvelopePosition position;
    position.pass(std::string_view(wire).substr(0, at));
    CHECK(position.is_between_messages() == (at == 0 || at == 5 || at == 14 || at == wire.size()));
    position.pass(std::string_view(wire).substr(at));
    CHECK(position.is_between_messages());
  }
}

TEST_CASE("rpc: gRPC's statuses have names") {
  for (int status = 0; status < base::grpc_status_count; ++status)
    CHECK(base::grpc_status_from(base::grpc_status_name(status)) == status);
  CHECK(base::grpc_status_from("unavailable") == 14);
  CHECK_FALSE(base::grpc_status_from("UNAVAILABLE").has_value());
  CHECK(base::grpc_status_name(99) == "unknown");
}

}  // namespace
