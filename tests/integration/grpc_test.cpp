// gRPC calls that the proxy ends, or that end badly behind it, after their head has gone out: the
// client is told in gRPC's own form, the upstream by a reset. And what a call may do that other
// requests may not.
#include "proxy/http/envelopes.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <semaphore>
#include <unistd.h>

using harness::Answer;
using harness::H2Peer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

constexpr std::uint32_t cancel = 8;

std::string message(std::string_view text) {
  return std::string(1, '\0') + h2::number(static_cast<std::uint32_t>(text.size())) +
         std::string(text);
}

std::string half_a_message() {
  return message("whole") + message("only half").substr(0, 9);
}

h2::Fields call(const std::string& path, const h2::Fields& more = {}) {
  h2::Fields fields = H2Peer::get(path);
  fields[0].second = "POST";
  fields.emplace_back("content-type", "application/grpc");
  fields.emplace_back("te", "trailers");
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::string of(const h2::Fields& fields, std::string_view name) {
  for (const auto& [n, value] : fields)
    if (n == name) return value;
  return {};
}

// A service behind the proxy. Its answers begin with a head, a message and (but to .../whole) a
// half, to .../closed all of it and then nothing.
class Called {
 public:
  explicit Called(const std::string& cluster = "", const std::string& listener = "")
      : log_("/tmp/outrider-grpc." + std::to_string(getpid())),
        origin_([this](Socket& socket) { serve(socket); }),
        proxy_(std::make_unique<TestProxy>("version: 1\nworkers: 1\n"
                                           "access_log: { to: " +
                                           log_ +
                                           ", format: json }\n"
                                           "admin: { bind: \"127.0.0.1:0\" }\n"
                                           "listeners: { egress: { bind: 127.0.0.1:0, " +
                                           listener +
                                           "routes: [{ to: app }] } }\n"
                                           "clusters: { app: { protocol: h2, url: \"" +
                                           origin_.url() + "\", " + cluster + " } }\n")) {}
  ~Called() { ::unlink(log_.c_str()); }

  const TestProxy& proxy() const { return *proxy_; }
  Socket connect() { return Socket::connect(proxy_->address()); }
  // The only line of the log, once the proxy has ended.
  Json line() {
    proxy_.reset();
    std::ifstream file(log_);
    std::string text;
    std::getline(file, text);
    return Json::parse(text);
  }
  // What the service was reset with.
  std::uint32_t reset_with() {
    was_reset_.acquire();
    return code_;
  }

 private:
  void serve(Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    while (peer.messages[1].fields.empty())
      if (!peer.read()) return;
    const std::string path = peer.messages[1].field(":path");
    const std::string type = peer.messages[1].field("content-type");
    std::string said = half_a_message();
    if (path.ends_with("/whole")) said = message("whole");
    if (path.ends_with("/closed")) said = http::envelope('\x80', "grpc-status: 0\r\n");
    peer.send(peer.head(1, {{":status", "200"}, {"content-type", type}}, false) +
              h2::frame(h2::data, 0, 1, said));
    if (path == "/closes") return peer.socket().close();
    if (path.starts_with("/resets/")) {
      const auto code = static_cast<std::uint32_t>(std::stoi(path.substr(8)));
      peer.send(h2::frame(h2::rst_stream, 0, 1, h2::number(code)));
    }
    if (path == "/speaks") speak(peer);
    if (!peer.messages[1].is_reset) peer.wait_for(1);
    code_ = peer.messages[1].code;
    was_reset_.release();
    peer.wait_for_end();
  }

  // Ends well once the client has said its last word.
  static void speak(H2Peer& peer) {
    if (!peer.wait_for(1).has_ended) return;
    peer.send(peer.head(1, {{"grpc-status", "0"}}, true));
  }

  std::string log_;
  std::uint32_t code_ = 0;
  std::binary_semaphore was_reset_{0};
  Origin origin_;
  std::unique_ptr<TestProxy> proxy_;
};

h2::Message answer_to(Called& called, const h2::Fields& fields) {
  H2Peer client(called.connect());
  client.greet();
  client.send(client.head(1, fields, false));
  return client.wait_for(1);
}

void check_told(const h2::Message& answer, const std::string& status) {
  CHECK(answer.status == 200);
  CHECK(answer.body == half_a_message());
  CHECK(answer.has_ended);
  CHECK(of(answer.trailers, "grpc-status") == status);
  CHECK_FALSE(of(answer.trailers, "grpc-message").empty());
}

void check_logged(Called& called, const std::string& reason, const std::string& grpc) {
  const Json line = called.line();
  CHECK(line["status"].number() == 200);
  CHECK(line["reason"].text() == reason);
  CHECK(line["grpc_status"].number() == std::stoi(grpc));
}

}  // namespace

TEST_CASE("grpc: behind its head a call that took too long ends with DEADLINE_EXCEEDED") {
  SUBCASE("by its own deadline") {
    Called called;
    check_told(answer_to(called, call("/hangs", {{"grpc-timeout", "50m"}})), "4");
    CHECK(called.reset_with() == cancel);
    CHECK(comes_to_say(called.proxy(), "/metrics",
                       "outrider_grpc_calls_total{listener=\"egress\",route=\"egress.1\",cluster="
                       "\"app\",grpc_status=\"deadline_exceeded\"} 1"));
    check_logged(called, "total_timeout", "4");
  }
  SUBCASE("by silence") {
    Called called("filters: [{ timeout: { idle: 50ms } }]");
    check_told(answer_to(called, call("/hangs")), "4");
    CHECK(called.reset_with() == cancel);
    check_logged(called, "idle_timeout", "4");
  }
}

TEST_CASE("grpc: behind its head a call that fails says how") {
  const struct {
    const char* path;
    const char* status;
  } cases[] = {{"/closes", "14"},   {"/resets/7", "14"}, {"/resets/8", "1"},
               {"/resets/11", "8"}, {"/resets/2", "13"}, {"/resets/12", "7"}};
  for (const auto& each : cases) {
    CAPTURE(each.path);
    Called called;
    check_told(answer_to(called, call(each.path)), each.status);
    check_logged(called, "response_aborted", each.status);
  }
}

TEST_CASE("grpc: a limit of the proxy that is passed behind the head keeps its name") {
  Called called("filters: [{ body_limit: { response: 12B } }]");
  const h2::Message answer = answer_to(called, call("/hangs"));
  CHECK(of(answer.trailers, "grpc-status") == "13");
  CHECK(called.reset_with() == cancel);
  check_logged(called, "response_too_large", "13");
}

TEST_CASE("grpc: on HTTP/1 the status comes in the trailers of chunks, else the message is cut") {
  const std::string fields =
      "host: a\r\ncontent-type: application/grpc\r\ngrpc-timeout: 50m\r\ncontent-length: 0\r\n\r\n";
  Called called;
  Socket client = called.connect();
  SUBCASE("HTTP/1.1") {
    client.send("POST /hangs HTTP/1.1\r\n" + fields);
    const Answer answer = client.read_answer();
    CHECK(answer.is_whole);
    CHECK(answer.body == half_a_message());
    CHECK(client.trailers().find("grpc-status: 4\r\n") != std::string::npos);
    check_logged(called, "total_timeout", "4");
  }
  SUBCASE("HTTP/1.0 has no trailers: its message is not to look whole") {
    client.send("POST /hangs HTTP/1.0\r\n" + fields);
    client.read_to_end();
    CHECK(client.was_reset());
    CHECK(called.line()["reason"].text() == "total_timeout");
  }
}

TEST_CASE("grpc: what is no call of gRPC is cut, not ended") {
  Called called;
  const h2::Message answer = answer_to(called, {{":method", "POST"},
                                                {":scheme", "http"},
                                                {":authority", "a"},
                                                {":path", "/resets/8"},
                                                {"content-type", "text/plain"}});
  CHECK(answer.is_reset);
  CHECK(answer.code == cancel);
}

TEST_CASE("grpc: a client may be silent in the middle of a call") {
  Called called("", "body_timeout: 1ms, ");
  H2Peer client(called.connect());
  client.greet();
  client.send(client.head(1, call("/speaks"), false));
  while (client.messages[1].body.empty()) REQUIRE(client.read());
  // By now it has taken longer than others may.
  h2::Fields other = H2Peer::get("/hangs");
  other[0].second = "POST";
  CHECK(answer_to(called, other).status == 408);
  client.send(h2::frame(h2::data, h2::end_stream, 1, message("last")));
  CHECK(of(client.wait_for(1).trailers, "grpc-status") == "0");
}

TEST_CASE("grpc: each form of call is told in its own that the service cannot be reached") {
  TestProxy proxy(harness::egress_to("http://" + harness::unused_address().to_string()));
  const auto ask = [&proxy](const std::string& fields) {
    Socket client = Socket::connect(proxy.address());
    client.send("POST /s.S/M HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n" + fields + "\r\n");
    return client.read_answer();
  };
  const Answer grpc = ask("content-type: application/grpc\r\n");
  CHECK(grpc.status == 200);
  CHECK(grpc.field("grpc-status") == "14");
  const Answer web = ask("content-type: application/grpc-web+proto\r\n");
  CHECK(web.status == 200);
  CHECK(web.field("content-type") == "application/grpc-web+proto");
  CHECK(web.body.starts_with(std::string("\x80\0\0", 3)));
  CHECK(web.body.find("grpc-status: 14\r\ngrpc-message: ") == 5);
  const Answer text = ask("content-type: application/grpc-web-text\r\n");
  CHECK(text.body.starts_with("gAAA"));
  const Answer stream = ask("content-type: application/connect+json\r\n");
  CHECK(stream.status == 200);
  CHECK(stream.body.find("{\"error\":{\"code\":\"unavailable\",") == 5);
  const Answer unary = ask("content-type: application/json\r\nconnect-protocol-version: 1\r\n");
  CHECK(unary.status == 502);
  CHECK(unary.field("content-type") == "application/json");
  CHECK(unary.body.starts_with("{\"code\":\"unavailable\","));
  CHECK(comes_to_say(proxy, "/metrics", "grpc_status=\"unavailable\"} 3"));
}

TEST_CASE("grpc: by its status a call is tried again, if no message came before it") {
  std::atomic<int> calls{0};
  Origin origin([&calls](Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    for (std::uint32_t id = 1; peer.wait_for(id).has_ended; id += 2) {
      const bool speaks = peer.messages[id].field(":path") == "/speaks";
      const bool is_last = ++calls == 3;
      // At once: a status that comes behind the head is not waited for.
      std::string said =
          peer.head(id, {{":status", "200"}, {"content-type", "application/grpc"}}, false);
      if (speaks || is_last) said += h2::frame(h2::data, 0, id, message("some"));
      peer.send(said + peer.head(id, {{"grpc-status", is_last ? "0" : "10"}}, true));
    }
  });
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\n"
      "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
      "clusters: { app: { protocol: h2, url: \"" +
      origin.url() +
      "\", filters: [{ retry: {\n"
      "  methods: any, backoff: { base: 1ms }, retry_on: [\"grpc:aborted\"] } }] } }\n");
  H2Peer client(Socket::connect(proxy.address()));
  client.greet();
  client.send(client.head(1, call("/silent"), true));
  CHECK(of(client.wait_for(1).trailers, "grpc-status") == "0");
  CHECK(calls == 3);
  client.send(client.head(3, call("/speaks"), true));
  CHECK(of(client.wait_for(3).trailers, "grpc-status") == "10");
  CHECK(calls == 4);
}

TEST_CASE("grpc: a route takes the calls of a service, or of one method") {
  const std::string answer = "{ headers: { content-type: application/grpc, grpc-status: \"";
  TestProxy proxy(
      "version: 1\nworkers: 1\naccess_log: { format: none }\nlisteners: { egress: {\n"
      "  bind: 127.0.0.1:0, routes: [\n"
      "    { match: { grpc: { service: shop.Orders, method: Place } }, respond: " +
      answer + "1\" } } },\n    { match: { grpc: { service: shop.Orders } }, respond: " + answer +
      "2\" } } }] } }\nclusters: {}\n");
  H2Peer client(Socket::connect(proxy.address()));
  client.greet();
  client.send(client.head(1, call("/shop.Orders/Place"), true));
  CHECK(client.wait_for(1).field("grpc-status") == "1");
  client.send(client.head(3, call("/shop.Orders/Cancel"), true));
  CHECK(client.wait_for(3).field("grpc-status") == "2");
  client.send(client.head(5, call("/shop.Other/Place"), true));
  CHECK(client.wait_for(5).field("grpc-status") == "12");
  h2::Fields get = H2Peer::get("/shop.Orders/Place");
  client.send(client.head(7, get, true));
  CHECK(client.wait_for(7).status == 404);
}

TEST_CASE("grpc: behind the head of a stream its end is told in the body, between two messages") {
  const struct {
    const char* type;
    const char* path;
    std::string end;  // what it holds; "" = the message is cut
  } cases[] = {
      {"application/grpc-web+proto", "/hangs/whole", "grpc-status: 4\r\n"},
      {"application/connect+proto", "/hangs/whole", "{\"error\":{\"code\":\"deadline_exceeded\","},
      {"application/grpc-web+proto", "/hangs", ""},
      {"application/grpc-web-text", "/hangs/whole", ""},
      {"application/grpc-web+proto", "/hangs/closed", ""},
  };
  for (const auto& each : cases) {
    CAPTURE(each.type);
    CAPTURE(each.path);
    Called called;
    h2::Fields fields = call(each.path, {{"grpc-timeout", "50m"}});
    fields[4].second = each.type;
    const h2::Message answer = answer_to(called, fields);
    CHECK(answer.has_ended == !each.end.empty());
    if (!each.end.empty()) CHECK(answer.body.find(each.end) == message("whole").size() + 5);
    CHECK(called.reset_with() == cancel);
    CHECK(called.line()["reason"].text() == "total_timeout");
  }
}
