// Each reason that an exchange may fail for says the same in the status, `proxy-status`, the body,
// the access log and the metrics.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

struct Row {
  const char* path;
  const char* reason;
  int status;
  int grpc;
  const char* type;  // of proxy-status
};

constexpr Row rows[] = {
    {"/nowhere", "no_route", 404, 12, "destination_not_found"},
    {"/refused", "connect_failure", 502, 14, "connection_refused"},
    {"/unnamed", "dns_failure", 502, 14, "dns_error"},
    {"/untrusted", "tls_failure", 502, 14, "tls_protocol_error"},
    {"/mute", "connect_timeout", 504, 14, "connection_timeout"},
    {"/app/closes", "reset", 502, 14, "connection_terminated"},
    {"/app/nonsense", "upstream_protocol_error", 502, 13, "http_protocol_error"},
    {"/hurried/waits", "response_timeout", 504, 4, "http_response_timeout"},
    {"/total/waits", "total_timeout", 504, 4, "http_response_timeout"},
    {"/idle/waits", "idle_timeout", 504, 4, "http_response_timeout"},
    {"/small/long", "response_too_large", 502, 13, "http_protocol_error"},
    {"/broken/503", "circuit_open", 503, 14, "destination_unavailable"},
    {"/fault", "fault", 418, 14, "proxy_internal_response"},
};

// A gRPC call is a stream: `total` does not count for it.
bool has_no_grpc(const Row& row) {
  return std::string_view(row.reason) == "total_timeout";
}

void answer(Socket& peer) {
  for (;;) {
    const std::string head = peer.read_head();
    if (head.empty() || head.find("closes") != head.npos) return;
    if (head.find("waits") != head.npos) {
      peer.read_some();
      return;
    }
    if (head.find("nonsense") != head.npos)
      peer.send("HTTP/9 what\r\n\r\n");
    else if (head.find("503") != head.npos)
      peer.send("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
    else
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + std::string(100, 'x'));
  }
}

// Says nothing, whatever comes.
void be_mute(Socket& peer) {
  while (!peer.read_some().empty()) {
  }
}

void speak_clear(Socket& peer) {
  peer.read_some();
  peer.send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
}

std::string listener(const std::string& name, const std::string& direction) {
  return "  " + name +
         ":\n"
         "    bind: 127.0.0.1:0\n"
         "    direction: " +
         direction +
         "\n"
         "    routes:\n"
         "      - { name: refused, match: { path: /refused }, to: refused }\n"
         "      - { name: unnamed, match: { path: /unnamed }, to: unnamed }\n"
         "      - { name: untrusted, match: { path: /untrusted }, to: untrusted }\n"
         "      - { name: mute, match: { path: /mute }, to: mute }\n"
         "      - { name: full, match: { path: /full/* }, to: full }\n"
         "      - { name: broken, match: { path: /broken/* }, to: broken }\n"
         "      - { name: app, match: { path: /app/* }, to: app }\n"
         "      - { name: hurried, match: { path: /hurried/* }, to: app, filters: [timeout: { "
         "response: 50ms }] }\n"
         "      - { name: total, match: { path: /total/* }, to: app, filters: [timeout: { total: "
         "50ms }] }\n"
         "      - { name: idle, match: { path: /idle/* }, to: app, filters: [timeout: { idle: 50ms "
         "}] }\n"
         "      - { name: small, match: { path: /small/* }, to: app, filters: [body_limit: { "
         "response: 10B }] }\n"
         "      - { name: fault, match: { path: /fault }, to: app, filters: [fault: { abort: { "
         "status: 418, sample: 100% } }] }\n";
}

class World {
 public:
  explicit World(const std::string& format)
      : log_("/tmp/outrider-vocabulary." + std::to_string(getpid())),
        app_(answer),
        mute_(be_mute),
        clear_(speak_clear),
        proxy_(config(format)) {}
  ~World() { ::unlink(log_.c_str()); }

  Answer ask(const std::string& on, const std::string& path, const std::string& more = "",
             const std::string& method = "GET") {
    Socket client = Socket::connect(proxy_.address(on));
    client.send(method + " " + path + " HTTP/1.1\r\nhost: a.test\r\n" + more + "\r\n");
    return client.read_answer(method == "HEAD");
  }
  void open_breaker(const std::string& on) {
    for (int i = 0; i < 2; ++i) ask(on, "/broken/503");
  }
  TestProxy& proxy() { return proxy_; }
  // The last line of the log, once it has `lines`.
  std::string logged(std::size_t lines) const {
    std::string last;
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    for (std::size_t count = 0; count < lines && std::chrono::steady_clock::now() < until;) {
      count = 0;
      std::ifstream file(log_);
      for (std::string line; std::getline(file, line) && !file.eof(); ++count) last = line;
    }
    return last;
  }

 private:
  std::string config(const std::string& format) const {
    return "version: 1\n"
           "workers: 1\n"
           "node: { service: shop }\n"
           "access_log: { to: " +
           log_ + ", format: " + format +
           " }\n"
           "admin: { bind: \"127.0.0.1:0\" }\n"
           "listeners:\n" +
           listener("egress", "outbound") + listener("ingress", "inbound") +
           "clusters:\n"
           "  app: { url: \"" +
           app_.url() +
           "\" }\n"
           "  refused: { url: \"http://" +
           harness::refusing_address().to_string() +
           "\", pool: { hold: 0s } }\n"
           "  unnamed: { url: \"http://no-such-name.invalid\" }\n"
           "  untrusted: { url: \"https://" +
           clear_.address().to_string() +
           "\", tls: { insecure: true } }\n"
           "  mute: { url: \"https://" +
           mute_.address().to_string() +
           "\", tls: { insecure: true }, connect_timeout: 50ms, pool: { hold: 0s } }\n"
           "  full: { url: \"" +
           app_.url() +
           "\", pool: { connections: 1, pending: 0 } }\n"
           "  broken: { url: \"" +
           app_.url() +
           "\", filters: [circuit_breaker: { request_volume: 2, failure_threshold: 2, "
           "first_open_for: 60s }] }\n";
  }

  std::string log_;
  Origin app_, mute_, clear_;
  TestProxy proxy_;
};

}  // namespace

TEST_CASE("vocabulary: every failure has its status, proxy-status, body, log line and metric") {
  for (const std::string on : {"egress", "ingress"}) {
    World world("json");
    world.open_breaker(on);
    std::size_t lines = 2;
    for (const Row& row : rows) {
      CAPTURE(on);
      CAPTURE(std::string(row.reason));
      const Answer said =
          world.ask(on, row.path, "accept: text/html, application/problem+json\r\n");
      CHECK(said.status == row.status);
      CHECK(said.field("content-type") == "application/problem+json");
      CHECK(said.field("proxy-status") ==
            "outrider/shop; error=" + std::string(row.type) + "; details=\"" + row.reason + "\"");
      CHECK(said.field("retry-after").empty() == (std::string_view(row.reason) != "circuit_open"));
      const Json body = Json::parse(said.body);
      CHECK(body["status"].number() == row.status);
      CHECK(body["reason"].text() == row.reason);
      CHECK((body["detail"].text() == row.reason) == (on == "ingress"));
      const Json line = Json::parse(world.logged(++lines));
      CHECK(line["reason"].text() == row.reason);
      CHECK(line["status"].number() == row.status);
      CHECK(line["path"].text() == row.path);
      CHECK(line["request_id"].text() == body["request_id"].text());
      const std::string metric =
          "code=\"" + std::to_string(row.status) + "\",reason=\"" + row.reason;
      CHECK(world.proxy().ask("/metrics").body.find(metric) != std::string::npos);
    }
  }
}

TEST_CASE("vocabulary: gRPC gets a trailers-only answer, HEAD no body, others one line") {
  World world("text");
  world.open_breaker("egress");
  std::size_t lines = 2;
  for (const Row& row : rows) {
    CAPTURE(std::string(row.reason));
    if (!has_no_grpc(row)) {
      const Answer grpc =
          world.ask("egress", row.path, "content-type: application/grpc\r\n", "POST");
      CHECK(grpc.status == 200);
      CHECK(grpc.field("grpc-status") == std::to_string(row.grpc));
      CHECK_FALSE(grpc.field("grpc-message").empty());
      CHECK(grpc.body.empty());
      ++lines;
    }
    const bool has_body = std::string_view(row.reason) == "response_too_large";
    const Answer head = world.ask("egress", row.path, "", "HEAD");
    CHECK(head.status == (has_body ? 200 : row.status));
    CHECK(head.field("content-length") != "0");
    const Answer plain = world.ask("egress", row.path, "accept: */*\r\n");
    CHECK(plain.field("content-type") == "text/plain; charset=utf-8");
    CHECK(plain.body.starts_with(std::to_string(row.status)));
    CHECK(plain.body.find(row.reason) != std::string::npos);
    CHECK(plain.body.ends_with("\n"));
    const std::string line = world.logged(lines += 2);
    CHECK(line.find(" \"GET a.test " + std::string(row.path) + "\" " + std::to_string(row.status) +
                    ' ' + row.reason + ' ') != std::string::npos);
  }
}

TEST_CASE("vocabulary: what cannot be read is logged as far as it was understood") {
  World world("json");
  const std::string head = "POST /some/path HTTP/1.1\r\nhost: a.test\r\n";
  const struct {
    std::string bytes;
    const char* reason;
    int status;
    const char* method;
    const char* path;
  } cases[] = {
      {head + "transfer-encoding: gzip\r\n\r\n", "not_implemented", 501, "POST", "/some/path"},
      {head + "content-length: -1\r\n\r\n", "bad_request", 400, "POST", "/some/path"},
      {head + "expect: miracles\r\n\r\n", "expectation_failed", 417, "POST", "/some/path"},
      {head + std::string(101, 'a') + std::string(32 * 1024, 'b'), "headers_too_large", 431, "",
       ""},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\n\r\n", "target_too_long", 414, "", ""},
      {"no http at all\r\n\r\n", "bad_request", 400, "no", ""},
  };
  std::size_t lines = 0;
  for (const auto& each : cases) {
    CAPTURE(each.bytes.substr(0, 80));
    Socket client = Socket::connect(world.proxy().address());
    client.send(each.bytes);
    const Answer said = client.read_answer();
    CHECK(said.status == each.status);
    CHECK(said.field("connection") == "close");
    const Json line = Json::parse(world.logged(++lines));
    CHECK(line["reason"].text() == each.reason);
    if (each.method[0] != '\0') CHECK(line["method"].text() == each.method);
    if (each.path[0] != '\0') CHECK(line["path"].text() == each.path);
    if (each.method[0] == '\0') CHECK(line["method"].is_null());
  }
  CHECK(world.proxy().ask("/metrics").body.find("method=\"GET\",code=\"4") == std::string::npos);
}

TEST_CASE("vocabulary: a pool that is full refuses with 503") {
  World world("none");
  Socket first = Socket::connect(world.proxy().address());
  first.send("GET /full/waits HTTP/1.1\r\nhost: a.test\r\n\r\n");
  Answer second;
  do second = world.ask("egress", "/full/x");
  while (second.status == 200);  // the first is still on its way
  CHECK(second.status == 503);
  CHECK(second.field("proxy-status") ==
        "outrider/shop; error=connection_limit_reached; details=\"pool_full\"");
}

TEST_CASE("vocabulary: attempts that are given up are counted too") {
  World world("none");
  CHECK(world.ask("egress", "/hurried/waits").status == 504);
  CHECK(world.proxy()
            .ask("/metrics")
            .body.find("outrider_attempts_total{cluster=\"app\",outcome=\"response_timeout\"} 1") !=
        std::string::npos);
}
