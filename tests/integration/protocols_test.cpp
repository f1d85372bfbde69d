// Which protocol a connection comes to speak: what the listener allows, what ALPN agrees on, and
// what the client then says, clear and over TLS.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <optional>
#include <unistd.h>

using harness::Answer;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::TlsEnd;

namespace {

std::string speaking(const std::string& protocols, bool is_tls, const std::string& more = "") {
  std::string yaml =
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n  egress:\n    bind: 127.0.0.1:0\n    protocols: " +
      protocols + "\n    routes: [{ respond: { status: 200, body: hello } }]\n" + more;
  if (is_tls)
    yaml += "    tls: { cert: " + harness::certificate_path("good.crt") +
            ", key: " + harness::certificate_path("good.key") + " }\n";
  return yaml;
}

const std::string request = "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";
const std::string greeting =
    std::string(harness::h2::preface) + harness::h2::frame(harness::h2::settings, 0, 0, "");

enum class Got { refused_handshake, http1, bad_request, h2, nothing };

// The ACK of our SETTINGS: only a session that stands sends it.
const std::string acknowledgement("\0\0\0\4\1", 5);

// What a client gets that says this first.
Got got_for(Socket& client, const std::string& first) {
  client.send(first);
  const std::string head = client.read_until(first == request ? "\r\n\r\n" : acknowledgement);
  if (head.starts_with("HTTP/1.1 200")) return Got::http1;
  if (head.starts_with("HTTP/1.1 400")) return Got::bad_request;
  return head.ends_with(acknowledgement) ? Got::h2 : Got::nothing;
}

}  // namespace

TEST_CASE(
    "protocols in clear: told apart by what comes first, the one that is not spoken refused") {
  struct Case {
    const char* protocols;
    bool is_preface;
    Got got;
  };
  for (const Case& each :
       {Case{"[http1, h2]", false, Got::http1}, Case{"[http1, h2]", true, Got::h2},
        Case{"[http1]", false, Got::http1}, Case{"[http1]", true, Got::bad_request},
        Case{"[h2]", false, Got::bad_request}, Case{"[h2]", true, Got::h2}}) {
    CAPTURE(each.protocols);
    CAPTURE(each.is_preface);
    const TestProxy proxy(speaking(each.protocols, false));
    Socket client = Socket::connect(proxy.address());
    CHECK(got_for(client, each.is_preface ? greeting : request) == each.got);
  }
}

TEST_CASE("protocols in clear: who speaks HTTP/1 where only HTTP/2 is spoken is told so") {
  const TestProxy proxy(speaking("[h2]", false));
  Socket client = Socket::connect(proxy.address());
  client.send(request);
  const Answer answer = client.read_answer();
  CHECK(answer.status == 400);
  CHECK(answer.body.find("this port speaks HTTP/2 only") != std::string::npos);
  CHECK(answer.field("date").ends_with(" GMT"));
  CHECK(comes_to_say(proxy, "/metrics", "method=\"GET\",code=\"400\",reason=\"bad_request\"} 1\n"));
}

TEST_CASE("protocols in clear: what is neither is closed without a word where HTTP/2 is alone") {
  const TestProxy proxy(speaking("[h2]", false));
  for (const char* first : {"INVALID CONNECTION PREFACE\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"}) {
    CAPTURE(first);
    Socket client = Socket::connect(proxy.address());
    client.send(first);
    CHECK(client.read_until("never") == "");
  }
}

TEST_CASE(
    "protocols over TLS: ALPN decides, none offered is HTTP/1, and what was agreed on holds") {
  struct Case {
    const char* protocols;
    const char* offered;  // "" = no ALPN
    bool is_preface;
    Got got;
  };
  constexpr Got no = Got::refused_handshake;
  const Case cases[] = {{"[http1, h2]", "h2", true, Got::h2},
                        {"[http1, h2]", "h2", false, Got::nothing},
                        {"[http1, h2]", "http/1.1", false, Got::http1},
                        {"[http1, h2]", "http/1.1", true, Got::bad_request},
                        {"[http1, h2]", "", false, Got::http1},
                        {"[http1, h2]", "", true, Got::bad_request},
                        {"[http1, h2]", "smtp", false, no},
                        {"[http1, h2]", "smtp", true, no},
                        {"[http1]", "h2", true, no},
                        {"[http1]", "h2", false, no},
                        {"[http1]", "http/1.1", false, Got::http1},
                        {"[http1]", "http/1.1", true, Got::bad_request},
                        {"[http1]", "", false, Got::http1},
                        {"[http1]", "", true, Got::bad_request},
                        {"[http1]", "smtp", false, no},
                        {"[h2]", "h2", true, Got::h2},
                        {"[h2]", "h2", false, Got::nothing},
                        {"[h2]", "http/1.1", false, no},
                        {"[h2]", "http/1.1", true, no},
                        {"[h2]", "", false, no},
                        {"[h2]", "", true, no},
                        {"[h2]", "smtp", true, no}};
  std::optional<TestProxy> proxy;
  std::string of;
  for (const Case& each : cases) {
    CAPTURE(each.protocols);
    CAPTURE(each.offered);
    CAPTURE(each.is_preface);
    if (of != each.protocols) proxy.emplace(speaking(of = each.protocols, true));
    Socket client = Socket::connect(proxy->address());
    const harness::Protocols offered =
        *each.offered ? harness::Protocols{each.offered} : harness::Protocols{};
    const bool is_shaken = client.secure(Tls::client(offered), TlsEnd::Role::client);
    CHECK((is_shaken ? got_for(client, each.is_preface ? greeting : request) : no) == each.got);
  }
}

TEST_CASE("plain HTTP on a TLS port is told so, counted, and the port goes on") {
  const TestProxy proxy(speaking("[http1, h2]", true));
  const auto failures = [&](const char* reason) {
    const std::string metrics = proxy.ask("/metrics").body;
    const std::string name = std::string(
                                 "outrider_downstream_tls_failures_total{listener=\"egress\","
                                 "reason=\"") +
                             reason + "\"} ";
    const std::size_t at = metrics.find(name);
    return at == metrics.npos ? -1 : std::stoi(metrics.substr(at + name.size()));
  };
  for (const char* reason :
       {"plain_http", "clear_port", "not_tls", "old_version", "no_cipher", "no_protocol",
        "no_certificate", "bad_certificate", "refused", "client_gone", "timeout", "other"})
    CHECK(failures(reason) == 0);
  for (const char* method : {"GET", "DELETE", "OPTIONS"}) {
    Socket clear = Socket::connect(proxy.address());
    clear.send(std::string(method) + " / HTTP/1.1\r\nhost: a\r\n\r\n");
    const Answer answer = clear.read_answer();
    CHECK(answer.status == 400);
    CHECK(answer.body.starts_with(
        "400 Bad Request: bad_request: this port speaks TLS; use https://; request_id "));
    CHECK(answer.field("date").ends_with(" GMT"));
    CHECK(answer.field("connection") == "close");
    CHECK(clear.read_to_end().empty());
  }
  CHECK(failures("plain_http") == 3);
  Socket client = Socket::connect(proxy.address());
  REQUIRE(client.secure(Tls::client({}), TlsEnd::Role::client));
  CHECK(got_for(client, request) == Got::http1);
}

TEST_CASE("protocols: who comes to the wrong port has its line in the log") {
  const std::string log = "/tmp/outrider-protocols." + std::to_string(getpid());
  for (const bool is_tls : {true, false}) {
    CAPTURE(is_tls);
    {
      std::string yaml = speaking("[http1, h2]", is_tls);
      const std::string none = "access_log: { format: none }";
      REQUIRE(yaml.find(none) != yaml.npos);
      yaml.replace(yaml.find(none), none.size(), "access_log: { to: " + log + " }");
      const TestProxy proxy(yaml);
      Socket client = Socket::connect(proxy.address());
      if (is_tls)
        client.send(request);
      else
        CHECK_FALSE(client.secure(Tls::client({}), TlsEnd::Role::client));
      if (is_tls) client.read_to_end();
      const std::string reason = is_tls ? "plain_http" : "clear_port";
      CHECK(comes_to_say(proxy, "/metrics", "reason=\"" + reason + "\"} 1\n"));
    }
    std::ifstream file(log);
    std::string line, second;
    std::getline(file, line);
    CHECK(line.find("\"status\":400,\"reason\":\"bad_request\"") != line.npos);
    CHECK_FALSE(std::getline(file, second));
    ::unlink(log.c_str());
  }
}

TEST_CASE("a clear client that stalls after P is 408, within the preface it is only closed") {
  for (const char* times : {"    handshake_timeout: 100ms\n    header_timeout: 200ms\n",
                            "    handshake_timeout: 20s\n    header_timeout: 100ms\n"}) {
    CAPTURE(times);
    const TestProxy proxy(speaking("[http1, h2]", false, times));
    for (const char* begun : {"P", "PR", "POST /a HT"}) {
      CAPTURE(begun);
      Socket client = Socket::connect(proxy.address());
      client.send(begun);
      CHECK(client.read_answer().status == 408);
    }
    Socket silent = Socket::connect(proxy.address());
    silent.send("PRI * HT");
    CHECK(silent.read_to_end().empty());
    Socket greeted = Socket::connect(proxy.address());  // and never sends its SETTINGS
    greeted.send(harness::h2::preface);
    CHECK(greeted.read_to_end().find("HTTP/1") == std::string::npos);
  }
}
