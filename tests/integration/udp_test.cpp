// Listeners of datagrams: a session for each client address, which goes to a cluster and back, each
// datagram whole.
#include "tests/harness/json.hpp"
#include "tests/harness/socket.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <fstream>
#include <memory>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

using harness::Json;
using harness::TestProxy;

namespace {

// A socket of UDP that waits ten seconds at most.
class Udp {
 public:
  // Bound to a port of 127.0.0.1, and connected if there is a peer.
  explicit Udp(const base::Address& peer = {})
      : descriptor_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const base::Address::Socket any = base::Address::parse("127.0.0.1:0")->socket();
    REQUIRE(::bind(descriptor_, any.get(), any.size) == 0);
    if (peer.is_none()) return;
    const base::Address::Socket to = peer.socket();
    REQUIRE(::connect(descriptor_, to.get(), to.size) == 0);
  }
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;
  ~Udp() { ::close(descriptor_); }

  base::Address address() const { return base::Address::local_of(descriptor_); }
  void send(std::string_view datagram) const {
    (void)::send(descriptor_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
  }
  void send_to(const base::Address& to, std::string_view datagram) const {
    const base::Address::Socket address = to.socket();
    (void)::sendto(descriptor_, datagram.data(), datagram.size(), 0, address.get(), address.size);
  }
  // None: nothing came.
  std::optional<std::string> receive(int milliseconds = 10'000,
                                     base::Address* source = nullptr) const {
    pollfd watched{descriptor_, POLLIN, 0};
    if (::poll(&watched, 1, milliseconds) <= 0) return std::nullopt;
    std::string room(65536, '\0');
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(descriptor_, room.data(), room.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return std::nullopt;
    if (source) *source = base::Address::from(reinterpret_cast<sockaddr*>(&from), size);
    room.resize(static_cast<std::size_t>(got));
    return room;
  }
  std::string ask(std::string_view datagram) const {
    send(datagram);
    return receive().value_or("(nothing)");
  }

 private:
  int descriptor_;
};

// Answers each datagram with who sent it and what it holds.
class Echo {
 public:
  Echo() : thread_([this] { run(); }) {}
  Echo(const Echo&) = delete;
  Echo& operator=(const Echo&) = delete;
  ~Echo() {
    is_ending_ = true;
    thread_.join();
  }
  std::string address() const { return socket_.address().to_string(); }

 private:
  void run() {
    while (!is_ending_) {
      base::Address source;
      const std::optional<std::string> datagram = socket_.receive(20, &source);
      if (datagram) socket_.send_to(source, std::to_string(source.port()) + " " + *datagram);
    }
  }

  Udp socket_;
  std::atomic<bool> is_ending_{false};
  std::thread thread_;
};

std::string relay_to(const std::string& upstream, const std::string& fields = "",
                     const std::string& top = "access_log: { format: none }\n",
                     const std::string& workers = "1") {
  return "version: 1\nworkers: " + workers + "\nadmin: { bind: \"127.0.0.1:0\" }\n" + top +
         "listeners: { stun: { bind: 127.0.0.1:0, udp: { to: turn" + fields +
         " } } }\nclusters: { turn: { url: \"udp://" + upstream + "\" } }\n";
}

std::string port_in(const std::string& answer) {
  return answer.substr(0, answer.find(' '));
}

}  // namespace

TEST_CASE("udp: datagrams go and come whole, by one upstream socket for each client") {
  for (const char* workers : {"1", "2"}) {
    const Echo echo;
    const TestProxy proxy(relay_to(echo.address(), "", "access_log: { format: none }\n", workers));
    const Udp first(proxy.address("stun")), second(proxy.address("stun"));
    const std::string port = port_in(first.ask("a"));
    CHECK(first.ask("bc") == port + " bc");
    CHECK(port_in(second.ask("d")) != port);
    const std::string large(9000, 'x');
    CHECK(first.ask(large) == port + " " + large);
    for (int i = 0; i < 50; ++i) first.send("n" + std::to_string(i));
    for (int i = 0; i < 50; ++i)
      REQUIRE(first.receive().value_or("") == port + " n" + std::to_string(i));
  }
}

TEST_CASE("udp: a session ends when it falls quiet, with a line of its own") {
  const Echo echo;
  const std::string log = "/tmp/outrider-udp." + std::to_string(getpid());
  {
    const TestProxy proxy(relay_to(echo.address(), ", idle: 200ms",
                                   "access_log: { to: " + log + ", format: json }\n"));
    const Udp client(proxy.address("stun"));
    CHECK(client.ask("abc").ends_with(" abc"));
    CHECK(
        comes_to_say(proxy, "/metrics", "outrider_downstream_connections{listener=\"stun\"} 0\n"));
    CHECK(client.ask("later").ends_with(" later"));
  }
  std::ifstream file(log);
  std::string text;
  std::getline(file, text);
  ::unlink(log.c_str());
  const Json line = Json::parse(text);
  CHECK(line["listener"].text() == "stun");
  CHECK(line["protocol"].text() == "udp");
  CHECK(line["cluster"].text() == "turn");
  CHECK(line["endpoint"].text() == echo.address());
  CHECK(line["status"].number() == 200);
  CHECK(line["bytes_in"].number() == 3);
  CHECK(line["reason"].is_null());
}

TEST_CASE("udp: no more sessions than allowed, and those that are there go on") {
  const Echo echo;
  const TestProxy proxy(relay_to(echo.address(), ", sessions: 2"));
  const Udp first(proxy.address("stun")), second(proxy.address("stun")),
      third(proxy.address("stun"));
  CHECK(first.ask("a").ends_with(" a"));
  CHECK(second.ask("b").ends_with(" b"));
  third.send("c");
  CHECK(comes_to_say(proxy, "/metrics", "outrider_datagrams_dropped_total{listener=\"stun\"} 1\n"));
  CHECK(
      comes_to_say(proxy, "/metrics", "outrider_connections_refused_total{listener=\"stun\"} 1\n"));
  CHECK(first.ask("a").ends_with(" a"));
}

TEST_CASE("udp: an upstream that is not there ends the session, and is asked again by the next") {
  std::optional<Udp> upstream(std::in_place);
  const base::Address address = upstream->address();
  upstream.reset();
  const TestProxy proxy(relay_to(address.to_string()));
  const Udp client(proxy.address("stun"));
  client.send("lost");
  CHECK(comes_to_say(proxy, "/metrics", "reason=\"response_aborted\"} 1\n"));
  CHECK(comes_to_say(proxy, "/metrics", "outrider_downstream_connections{listener=\"stun\"} 0\n"));
}

TEST_CASE("udp: a reload keeps the socket and the sessions; a drain ends what is quiet") {
  const Echo echo;
  TestProxy proxy(relay_to(echo.address()));
  const Udp client(proxy.address("stun"));
  const std::string port = port_in(client.ask("a"));
  const base::Address before = proxy.address("stun");
  REQUIRE(proxy.reload(relay_to(echo.address(), ", idle: 30s")).status == 200);
  CHECK(proxy.address("stun") == before);
  CHECK(client.ask("b") == port + " b");
  proxy.begin_drain();
  proxy.wait_until_ended();
}

// Another program may have the one of connections: then it is tried with the next.
TEST_CASE("udp: connections and datagrams share a port") {
  const Echo echo;
  std::unique_ptr<TestProxy> first, second;
  for (int tries = 0; !second && tries < 20; ++tries) {
    first = std::make_unique<TestProxy>(relay_to(echo.address()));
    try {
      second = std::make_unique<TestProxy>(
          "version: 1\nworkers: 1\naccess_log: { format: none }\n"
          "listeners: { egress: { bind: \"" +
          first->address("stun").to_string() +
          "\", routes: [{ respond: { status: 200, body: hello } }] } }\n");
    } catch (const std::runtime_error&) {
    }
  }
  REQUIRE(second);
  CHECK(harness::get(second->address(), "/").status == 200);
  CHECK(Udp(first->address("stun")).ask("a").ends_with(" a"));
}
