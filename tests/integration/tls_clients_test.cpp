// Clients of a TLS port that never come to an exchange: whatever they say instead of a handshake, or
// stop in the middle of, is bounded, counted by reason, told in a few lines, and leaves nothing open.
#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/server/plan.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::TlsEnd;

namespace {

constexpr int tries = 50;  // of what depends on what comes in one edge

std::string in_clear(const std::string& routes = "") {
  return "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n  egress:\n    bind: 127.0.0.1:0\n"
         "    routes: [" + routes + "{ respond: { status: 200, body: hello } }]\n";
}

std::string over_tls(const std::string& more = "", const std::string& routes = "") {
  return in_clear(routes) +
         ("    tls: { cert: " + harness::certificate_path("good.crt") +
          ", key: " + harness::certificate_path("good.key") + " }\n") +
         more;
}

// A record that holds a ClientHello of this size, or says so, and as many bytes of it as are given.
std::string hello(std::size_t record, std::size_t message, std::size_t given) {
  const auto byte = [](std::size_t value) { return static_cast<char>(value & 0xff); };
  std::string text{0x16, 0x03, 0x01, byte(record >> 8), byte(record)};
  text += {0x01, byte(message >> 16), byte(message >> 8), byte(message), 0x03, 0x03};
  return text.append(given, '\0');
}

std::string failures(const std::string& reason, std::size_t count) {
  return "outrider_downstream_tls_failures_total{listener=\"egress\",reason=\"" + reason + "\"} " +
         std::to_string(count) + "\n";
}

bool has_more_or_ended(const Socket& socket, int wait_ms) {
  pollfd watched{socket.descriptor(), POLLIN, 0};
  return ::poll(&watched, 1, wait_ms) > 0;
}

void check_that_it_goes_on(const TestProxy& proxy) {
  Socket client = Socket::connect(proxy.address());
  REQUIRE(client.secure(Tls::client({}), TlsEnd::Role::client));
  client.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
  CHECK(client.read_answer().body == "hello");
  client.close();
  CHECK(comes_to_say(proxy, "/stats", "\"connections\":0"));
}

}  // namespace

TEST_CASE("tls clients: a hello that comes byte by byte has handshake_timeout, and no more") {
  const TestProxy proxy(over_tls("    handshake_timeout: 300ms\n"));
  Socket client = Socket::connect(proxy.address());
  const std::string all = hello(16'000, 15'996, 15'990);
  std::size_t sent = 0;
  while (sent < all.size() && client.send(all.substr(sent, 1)) && !has_more_or_ended(client, 5)) ++sent;
  CHECK(sent < all.size());
  CHECK(client.read_to_end() == "");
  CHECK(comes_to_say(proxy, "/metrics", failures("timeout", 1)));
  check_that_it_goes_on(proxy);
}

TEST_CASE("tls clients: what is longer than a record or a hello may be is not waited for") {
  const TestProxy proxy(over_tls("    handshake_timeout: 60s\n"));
  for (const std::string& said :
       {hello(65'535, 65'531, 60'000), hello(16'384, 0xffffff, 16'378), hello(0, 0, 0)}) {
    CAPTURE(said.size());
    Socket client = Socket::connect(proxy.address());
    client.send(said);
    const std::string alert = client.read_to_end();
    CHECK(alert.size() <= 7);  // it came, and nothing else
  }
  CHECK(comes_to_say(proxy, "/stats", "\"connections\":0"));
  const std::string metrics = proxy.ask("/metrics").body;
  CHECK(metrics.find(failures("timeout", 0)) != std::string::npos);
  check_that_it_goes_on(proxy);
}

TEST_CASE("tls clients: thousands that begin and leave are counted, told in few lines, and forgotten") {
  constexpr std::size_t many = 1'500;
  constexpr std::size_t together = 250;
  const std::string path = std::filesystem::temp_directory_path() /
                           ("outrider-handshakes." + std::to_string(::getpid()) + ".log");
  TestProxy proxy(over_tls());
  REQUIRE(proxy.reload(over_tls() + "log: { to: " + path + " }\n").status == 200);
  for (const bool resets : {false, true}) {
    CAPTURE(resets);
    for (std::size_t i = 0; i < many; i += together) {
      std::vector<Socket> clients;
      for (std::size_t j = 0; j < together; ++j) {
        clients.push_back(Socket::connect(proxy.address()));
        clients.back().send(hello(512, 508, 100));
      }
      CHECK(comes_to_say(proxy, "/stats", "\"connections\":" + std::to_string(together)));
      for (Socket& client : clients) resets ? client.reset() : client.close();
      CHECK(comes_to_say(proxy, "/stats", "\"connections\":0"));
    }
    CHECK(comes_to_say(proxy, "/metrics", failures("client_gone", resets ? 2 * many : many)));
  }
  check_that_it_goes_on(proxy);
  std::ifstream log(path);
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  std::filesystem::remove(path);
  std::size_t lines = 0;
  for (std::size_t at = 0; (at = text.find(" failed: client_gone", at)) != text.npos; ++at) ++lines;
  CHECK(lines > 0);
  CHECK(lines < many / 10);
}

// A FIN behind a whole request ends what the client sends, as it does without TLS.
TEST_CASE("tls clients: who stops sending behind a request, without a close_notify, gets the answer") {
  const std::string large(300'000, 'x');
  Origin origin(Origin::answering(large));
  const TestProxy proxy(over_tls("clusters: { app: { url: \"" + origin.url() + "\" } }\n",
                                 "{ match: { path: /app }, to: app }, "));
  for (int i = 0; i < tries; ++i) {
    for (const char* path : {"/", "/app"}) {
      CAPTURE(path);
      Socket client = Socket::connect(proxy.address());
      REQUIRE(client.secure(Tls::client({}), TlsEnd::Role::client));
      client.send("GET " + std::string(path) + " HTTP/1.1\r\nhost: a\r\n\r\n");
      ::shutdown(client.descriptor(), SHUT_WR);
      const harness::Answer answer = client.read_answer();
      CHECK(answer.status == 200);
      CHECK(answer.body == (path == std::string("/") ? "hello" : large));
      CHECK(client.read_to_end() == "");
      CHECK_FALSE(client.was_reset());  // but ended, by close_notify
    }
  }
}

TEST_CASE("tls clients: a request that ends midway without a close_notify is not taken for whole") {
  Origin origin(Origin::answering("x"));
  const TestProxy proxy(over_tls("clusters: { app: { url: \"" + origin.url() + "\" } }\n",
                                 "{ match: { path: /app }, to: app }, "));
  for (const char* framing : {"content-length: 5\r\n\r\nsome",
                              "transfer-encoding: chunked\r\n\r\n4\r\nsome\r\n"}) {
    CAPTURE(framing);
    Socket client = Socket::connect(proxy.address());
    REQUIRE(client.secure(Tls::client({}), TlsEnd::Role::client));
    client.send("POST /app HTTP/1.1\r\nhost: a\r\n" + std::string(framing));
    ::shutdown(client.descriptor(), SHUT_WR);
    CHECK(client.read_answer().status == 400);
  }
  CHECK(comes_to_say(proxy, "/metrics", "reason=\"client_gone\"} 2"));
}

// Whose streams have their answers at once; who waits for an upstream has left, as it has in clear.
TEST_CASE("tls clients: a FIN behind whole streams, without a close_notify, does not cost their answers") {
  bool is_safe = false;
  SUBCASE("in clear") {}
  SUBCASE("over TLS") { is_safe = true; }
  const TestProxy proxy(is_safe ? over_tls() : in_clear());
  for (int i = 0; i < tries; ++i) {
    Socket socket = Socket::connect(proxy.address());
    if (is_safe) REQUIRE(socket.secure(Tls::client({"h2"}), TlsEnd::Role::client));
    harness::H2Peer client(std::move(socket));
    client.greet();
    for (const std::uint32_t stream : {1, 3})
      client.send(client.head(stream, harness::H2Peer::get("/"), true));
    ::shutdown(client.socket().descriptor(), SHUT_WR);
    client.acks_settings = client.gives_windows = false;  // nothing can be said any more
    CHECK(client.wait_for(1).body == "hello");
    CHECK(client.wait_for(3).body == "hello");
    CHECK(client.messages[3].has_ended);
  }
}

TEST_CASE("tls: a certificate that has expired is a warning of check, at the line that names it") {
  const std::string expired = harness::certificate_path("expired.crt");
  const std::string tls = "    tls: { cert: " + expired +
                          ", key: " + harness::certificate_path("expired.key") + " }\n";
  const std::string yaml =
      "version: 1\nlisteners:\n  in:\n    bind: 127.0.0.1:0\n    routes: [{ to: c }]\n" + tls +
      "clusters:\n  c:\n    url: \"https://127.0.0.1:1\"\n" + tls;
  const server::Planned planned =
      harness::planned_of(config::load_text("a.yaml", yaml, filters::specs()), nullptr);
  REQUIRE(planned.plan);
  std::string warnings;
  for (const config::Mistake& each : planned.plan->warnings) warnings += each.to_string() + "\n";
  CAPTURE(warnings);
  for (const char* place : {"a.yaml:6:", "a.yaml:10:"}) {
    const std::size_t at = warnings.find(place);
    REQUIRE(at != warnings.npos);
    const std::string line = warnings.substr(at, warnings.find('\n', at) - at);
    CHECK(line.find(expired + ": has expired") != line.npos);
  }
}
