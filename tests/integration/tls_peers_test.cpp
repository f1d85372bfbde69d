// TLS peers that are not what they should be: certificates that do not hold, clients without one,
// and connections that end without a close_notify.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sys/socket.h>
#include <unistd.h>

using harness::Answer;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::TlsEnd;

namespace {

std::string https_to(const Origin& origin, const std::string& tls = "",
                     const std::string& ca = "ca.pem") {
  return "version: 1\nworkers: 1\naccess_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
         "clusters:\n  app:\n    url: \"https://" +
         origin.address().to_string() + "\"\n" + "    tls: { ca: " + harness::certificate_path(ca) +
         tls + " }\n";
}

Origin::Script secured(Tls tls, Origin::Script script) {
  return [tls, script = std::move(script)](Socket& peer) {
    if (peer.secure(tls, TlsEnd::Role::server)) script(peer);
  };
}

TEST_CASE("a certificate that does not hold is 502 with both names, once, and sees no request") {
  struct Bad {
    const char* certificate;
    const char* ca;
    const char* verdict;
    const char* remedy;
  };
  const std::array cases{Bad{"other", "ca.pem", "mismatch", "tls.server_name"},
                         Bad{"expired", "ca.pem", "expired", "renew it"},
                         Bad{"self", "ca.pem", "self", "tls.ca"},
                         Bad{"good", "stranger.crt", "issuer", "tls.ca"}};
  for (const Bad& bad : cases) {
    CAPTURE(bad.certificate);
    std::atomic<bool> has_seen{false};
    Origin origin(secured(Tls::server(bad.certificate, {}), [&](Socket& peer) {
      if (!peer.read_head().empty()) has_seen = true;
    }));
    const TestProxy proxy(https_to(origin, "", bad.ca) + "    filters: [{ retry: {} }]\n");
    const Answer answer = harness::get(proxy.address(), "/");
    CHECK(answer.status == 502);
    CHECK(answer.field("proxy-status") ==
          "outrider/outrider; error=tls_certificate_error; details=\"tls_failure\"");
    CAPTURE(answer.body);
    const std::string presented = bad.certificate == std::string("other") ? "other" : "app";
    CHECK(answer.body.find(bad.verdict) != std::string::npos);
    CHECK(answer.body.find("expected 127.0.0.1, presented DNS:" + presented + ".test") !=
          std::string::npos);
    CHECK(answer.body.find(bad.remedy) != std::string::npos);
    CHECK(answer.body.find("attempt") == std::string::npos);
    CHECK_FALSE(has_seen);
    CHECK(comes_to_say(proxy, "/metrics",
                       "outrider_attempts_total{cluster=\"app\",outcome=\"tls_failure\"} 1"));
    CHECK(proxy.ask("/clusters").body.find("\"connections\":0") != std::string::npos);
  }
}

TEST_CASE("a certificate that does not hold is told in the log, once a minute") {
  Origin origin(secured(Tls::server("other", {}), Origin::answering("x")));
  TestProxy proxy(https_to(origin));
  const std::string path = std::filesystem::temp_directory_path() /
                           ("outrider-certificates." + std::to_string(::getpid()) + ".log");
  REQUIRE(proxy.reload(https_to(origin) + "log: { to: " + path + " }\n").status == 200);
  for (int i = 0; i < 3; ++i) CHECK(harness::get(proxy.address(), "/").status == 502);
  std::ifstream log(path);
  const std::string text{std::istreambuf_iterator<char>(log), {}};
  std::filesystem::remove(path);
  const std::string told = "cluster app: TLS with " + origin.address().to_string() +
                           " failed: the certificate is not trusted: IP address mismatch "
                           "(expected 127.0.0.1, presented DNS:other.test); ";
  const std::size_t at = text.find(told);
  CHECK_MESSAGE(at != text.npos, text);
  CHECK(text.find("TLS with", at + told.size()) == text.npos);
}

TEST_CASE("san replaces the check of the name") {
  Origin origin(secured(Tls::server("other", {}), Origin::answering("x")));
  const TestProxy named(https_to(origin, ", san: [other.test]"));
  CHECK(harness::get(named.address(), "/").status == 200);
  const TestProxy misnamed(https_to(origin, ", san: [another.test]"));
  CHECK(harness::get(misnamed.address(), "/").status == 502);
}

TEST_CASE("an upstream that does not speak TLS, or breaks off its handshake, is tls_failure") {
  for (const char* says : {"HTTP/1.1 400 Bad\r\n\r\n", "\x15\x03\x03\x00\x02\x02\x28", ""}) {
    Origin origin([says](Socket& peer) {
      peer.read_some();
      if (*says) peer.send(std::string_view(says, says[0] == 'H' ? 20 : 7));
    });
    const TestProxy proxy(https_to(origin));
    const Answer answer = harness::get(proxy.address(), "/");
    CHECK(answer.status == 502);
    CHECK(answer.field("proxy-status").find("details=\"tls_failure\"") != std::string::npos);
  }
}

// Ends in the middle of its body: by FIN behind a close_notify, by FIN alone, by RST.
TEST_CASE("a TLS response that is cut is never taken for a whole one, whatever its framing") {
  struct Cut {
    const char* head;
    bool may_end_well;  // by close_notify
  };
  const std::array cuts{Cut{"content-length: 100\r\n\r\nsome", false},
                        Cut{"transfer-encoding: chunked\r\n\r\n4\r\nsome\r\n", false},
                        Cut{"\r\nsome", true}};
  for (const Cut& cut : cuts) {
    for (const char* how : {"close_notify", "fin", "rst"}) {
      CAPTURE(cut.head);
      CAPTURE(how);
      const std::string_view way = how;
      std::promise<void> has_arrived;
      Origin origin(secured(Tls::server("good", {}), [&](Socket& peer) {
        peer.read_head();
        peer.send("HTTP/1.1 200 OK\r\n" + std::string(cut.head));
        has_arrived.get_future().wait();
        if (way == "close_notify") peer.close();
        if (way == "fin") peer.cut();
        if (way == "rst") peer.reset();
      }));
      const TestProxy proxy(https_to(origin));
      Socket client = Socket::connect(proxy.address());
      client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      const std::string head = client.read_head();
      CHECK(head.starts_with("HTTP/1.1 200"));
      has_arrived.set_value();
      bool is_whole = false;
      client.read_body(head, is_whole);
      const bool is_well = cut.may_end_well && way == "close_notify";
      CHECK(is_whole == is_well);
      CHECK(comes_to_say(
          proxy, "/metrics",
          is_well ? "code=\"200\",reason=\"\"} 1" : "code=\"200\",reason=\"response_aborted\"} 1"));
      CHECK(comes_to_say(proxy, "/clusters", "\"connections\":0"));
    }
  }
}

TEST_CASE("what an HTTP/2 client of a cut response gets is a reset, never an end") {
  std::promise<void> has_arrived;
  Origin origin(secured(Tls::server("good", {}), [&](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\n\r\nsome");
    has_arrived.get_future().wait();
    peer.cut();
  }));
  const TestProxy proxy(https_to(origin));
  harness::H2Peer client(Socket::connect(proxy.address()));
  client.greet();
  client.send(client.head(1, harness::H2Peer::get("/"), true));
  while (client.messages[1].body.empty() && client.read()) {
  }
  has_arrived.set_value();
  const harness::h2::Message& message = client.wait_for(1);
  CHECK(message.body == "some");
  CHECK_FALSE(message.has_ended);
  CHECK(message.is_reset);
}

std::string https_from(const Origin& origin, const std::string& auth) {
  return "version: 1\nworkers: 1\naccess_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n  ingress:\n    bind: 127.0.0.1:0\n    direction: inbound\n    tls:\n      "
         "cert: " +
         harness::certificate_path("good.crt") +
         "\n      key: " + harness::certificate_path("good.key") +
         "\n      client_ca: " + harness::certificate_path("ca.pem") +
         "\n      client_auth: " + auth +
         "\n    routes: [{ to: app }]\n"
         "clusters:\n  app: { url: \"" +
         origin.url() + "\" }\n";
}

// The status of one request over TLS; 0 = the proxy refused the connection.
int status_with(const TestProxy& proxy, const std::string& certificate) {
  Socket client = Socket::connect(proxy.address("ingress"));
  if (!client.secure(Tls::client({"http/1.1"}, certificate), TlsEnd::Role::client)) return 0;
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  return client.read_answer().status;
}

TEST_CASE("clients show their certificate, as far as client_auth asks for it") {
  Origin origin(Origin::answering("x"));
  const TestProxy requiring(https_from(origin, "require"));
  CHECK(status_with(requiring, "client") == 200);
  CHECK(status_with(requiring, "") == 0);
  CHECK(status_with(requiring, "stranger") == 0);
  const TestProxy requesting(https_from(origin, "request"));
  CHECK(status_with(requesting, "client") == 200);
  CHECK(status_with(requesting, "") == 200);
  CHECK(status_with(requesting, "stranger") == 0);
  CHECK(comes_to_say(requiring, "/stats", "\"connections\":0"));
}

TEST_CASE("an upstream that demands a certificate gets the cluster's, or is tls_failure") {
  const Tls demanding = Tls::server("good", {}, true);
  Origin origin([&](Socket& peer) {
    if (peer.secure(demanding, TlsEnd::Role::server)) return Origin::answering("x")(peer);
    char rest[4096];
    while (::recv(peer.descriptor(), rest, sizeof rest, 0) > 0) {
    }
  });
  const TestProxy showing(
      https_to(origin, ", cert: " + harness::certificate_path("client.crt") +
                           ", key: " + harness::certificate_path("client.key")));
  CHECK(harness::get(showing.address(), "/").status == 200);
  const TestProxy bare(https_to(origin));
  const Answer refused = harness::get(bare.address(), "/");
  CHECK(refused.status == 502);
  CHECK(refused.field("proxy-status").find("details=\"tls_failure\"") != std::string::npos);
}

// Who passed a request on, by its `via`.
std::string passed_on_by(const std::string& head) {
  const std::size_t begin = head.find("\r\nvia: 1.1 ") + 11;
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

// A proxy behind that says first that it could not connect, then answers. `to`: by its tag whom it
// says so to; "" = whoever asked.
Origin failing_once(std::atomic<int>& requests, std::string_view reason, std::string_view to) {
  return Origin([&requests, reason, to](Socket& peer) {
    if (!peer.secure(Tls::server("good", {}), TlsEnd::Role::server)) return;
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      const std::string reader = to.empty() ? passed_on_by(head) : std::string(to);
      peer.send(
          ++requests == 1
              ? "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nproxy-status: outrider/inner; "
                "error=connection_refused; details=\"" +
                    std::string(reason) + "\"; to=\"" + reader + "\"; unsent\r\n\r\n"
              : "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
  });
}

TEST_CASE("what a proxy behind never sent goes again, whatever its method, if it can be believed") {
  std::atomic<int> requests{0};
  std::string_view reason = "connect_failure";
  std::string_view to;
  SUBCASE("") {}
  SUBCASE("what an app hands on, that its own proxy said to it") {
    to = "99999999-egress";
  }
  SUBCASE("a refusal") {
    reason = "circuit_open";
  }
  const bool goes_again = to.empty() && reason == "connect_failure";
  const Origin inner = failing_once(requests, reason, to);
  const auto status_through = [&](const std::string& tls, std::string_view line) {
    TestProxy outer(
        "version: 1\nworkers: 1\naccess_log: { format: none }\n"
        "admin: { bind: \"127.0.0.1:0\" }\n"
        "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
        "clusters: { app: { url: \"https://" +
        inner.address().to_string() + "\", tls: { " + tls +
        " }, filters: [retry: { backoff: { base: 1ms } }] } }\n");
    Socket client = Socket::connect(outer.address());
    client.send("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 0\r\n\r\n");
    const int status = client.read_answer().status;
    CHECK(comes_to_say(outer, "/metrics", line));
    return status;
  };
  SUBCASE("verified") {
    CHECK(status_through("ca: " + harness::certificate_path("ca.pem"),
                         "outrider_attempts_total{cluster=\"app\",outcome=\"5xx\"} 1") ==
          (goes_again ? 200 : 502));
    CHECK(requests == (goes_again ? 2 : 1));
  }
  SUBCASE("not verified") {
    CHECK(status_through("insecure: true", "code=\"502\",reason=\"\"} 1") == 502);
    CHECK(requests == 1);
  }
}

}  // namespace
