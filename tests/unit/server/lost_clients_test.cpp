#include "proxy/server/lost_clients.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <unistd.h>

namespace {

using net::TlsFailure;

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  int ends[2] = {-1, -1};
};

struct Told : Pipe {
  // The lines since the last call.
  std::string lines() {
    log.info("mark");
    std::string text;
    char byte = 0;
    while (text.find("mark") == text.npos && ::read(ends[0], &byte, 1) == 1) text += byte;
    while (::read(ends[0], &byte, 1) == 1 && byte != '\n') {
    }
    return text.substr(0, text.rfind('\n') + 1);
  }

  base::Loop loop;
  base::Log log{ends[1], base::Level::info, false};
  stats::Registry metrics{1};
  server::LostClients lost{loop, "ingress", log, metrics, 0};
  base::Address source = *base::Address::parse("192.0.2.7:1234");
};

TEST_CASE_FIXTURE(Told, "lost clients: each reason has a series from the start") {
  const std::string text = metrics.render();
  for (std::size_t i = 0; i < net::tls_failure_count; ++i) {
    const std::string line =
        "outrider_downstream_tls_failures_total{listener=\"ingress\",reason=\"" +
        std::string(to_string(static_cast<TlsFailure>(i))) + "\"} 0\n";
    CHECK_MESSAGE(text.find(line) != text.npos, line);
  }
}

TEST_CASE_FIXTURE(Told, "lost clients: a line says who, where, and what to look at") {
  lost.add({TlsFailure::plain_http, {}}, source);
  const std::string line = lines();
  CHECK_MESSAGE(
      line.find("listener ingress: TLS with 192.0.2.7:1234 failed: plain_http: the client "
                "speaks plain HTTP; this port speaks TLS") != line.npos,
      line);
  CHECK(metrics.render().find("reason=\"plain_http\"} 1\n") != std::string::npos);
}

TEST_CASE_FIXTURE(Told, "lost clients: a few lines a second, then how many more there were") {
  for (int i = 0; i < 100; ++i) lost.add({TlsFailure::no_certificate, {}}, source);
  std::string text = lines();
  CHECK(std::count(text.begin(), text.end(), '\n') == server::LostClients::most_lines);
  loop.advance(base::Millis{1'001});
  text = lines();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK_MESSAGE(
      text.find("listener ingress: 95 more clients came to nothing within a second") != text.npos, text);
  lost.add({TlsFailure::timeout, {}}, source);
  text = lines();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  CHECK(metrics.render().find("reason=\"no_certificate\"} 100\n") != std::string::npos);
}

TEST_CASE_FIXTURE(
    Told, "lost clients: a reload changes neither the bound nor what is still to be told") {
  server::AllLostClients all(loop, log, metrics, 0);
  const auto add_to = [this](server::LostClients& to) {
    for (int i = 0; i < 10; ++i) to.add({TlsFailure::no_certificate, {}}, source);
  };
  std::shared_ptr<server::LostClients> earlier = all.of("ingress");
  add_to(*earlier);
  std::shared_ptr<server::LostClients> later = all.of("ingress");
  earlier.reset();
  add_to(*later);
  std::string text = lines();
  CHECK(std::count(text.begin(), text.end(), '\n') == server::LostClients::most_lines);
  later.reset();  // the listener is no more
  text = lines();
  CHECK(text.find("15 more clients came to nothing") != text.npos);
}

TEST_CASE_FIXTURE(Told, "lost clients: who gets no session is told once a second") {
  for (int i = 0; i < 100; ++i) lost.refused_session(source, 10);
  std::string text = lines();
  CHECK_MESSAGE(text.find("listener ingress: no session for 192.0.2.7:1234: all 10 are taken; "
                          "`udp.sessions` may be raised") != text.npos,
                text);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  loop.advance(base::Millis{1'001});
  CHECK(lines().empty());
  lost.refused_session(source, 10);
  CHECK(lines().find("no session for 192.0.2.7:1234") != std::string::npos);
}

TEST_CASE_FIXTURE(Told, "lost clients: of many without a session a few are told, and the count") {
  const std::string host = "192.0.2.7:";
  for (int port = 1001; port <= 1100; ++port)
    lost.refused_session(*base::Address::parse(host + std::to_string(port)), 10);
  std::string text = lines();
  CHECK(std::count(text.begin(), text.end(), '\n') == server::LostClients::most_lines);
  loop.advance(base::Millis{1'001});
  text = lines();
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
  for (const char* words : {"95 more datagrams came within a second from clients that got no session",
                            "outrider_datagrams_dropped_total", "`udp.sessions`"})
    CHECK_MESSAGE(text.find(words) != text.npos, text);
  CHECK_MESSAGE(text.find("tls_failures") == text.npos, text);
}

TEST_CASE_FIXTURE(Told, "lost clients: a port that was only looked at is counted, not told") {
  lost.add({TlsFailure::client_gone, {}, true}, source);
  CHECK(lines().empty());
  CHECK(metrics.render().find("reason=\"client_gone\"} 1\n") != std::string::npos);
}

}  // namespace
