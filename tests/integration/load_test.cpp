// Two proxies of two workers each, one behind the other, under hundreds of clients of either version,
// clear and TLS, while upstreams die and the admin sides are read. Bounded in requests, not in time;
// most telling under ThreadSanitizer.
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include <doctest/doctest.h>

#include "tests/harness/json.hpp"
#include "tests/harness/peers.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Ask;
using harness::Client;
using harness::Json;
using harness::Origin;
using harness::Reply;
using harness::Socket;
using harness::TestProxy;
using harness::Tls;
using harness::Version;

namespace {

constexpr int threads = 64;
constexpr int clients_a_thread = 4;
constexpr int requests_a_client = 4;
constexpr int leavers_a_thread = 2;

// Every fifth connection is reset in mid-body, every seventh closes instead of answering, and none
// answers more than nine requests.
Origin::Script mortal() {
  return [number = std::make_shared<std::atomic<int>>(0)](Socket& peer) {
    const int mine = ++*number;
    for (int served = 0; served < 9; ++served) {
      const std::string head = peer.read_head();
      if (head.empty() || (mine % 7 == 0 && served == 3)) return;
      bool is_whole = false;
      const std::string body = peer.read_body(head, is_whole);
      if (!is_whole) return;
      const std::string size = std::to_string(body.size());
      if (mine % 5 == 0 && served == 2) {
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + size + "\r\n\r\n" + body.substr(0, 3));
        return peer.reset();
      }
      if (!peer.send("HTTP/1.1 200 OK\r\ncontent-length: " + size + "\r\n\r\n" + body)) return;
    }
  };
}

std::string listeners(const std::string& routes) {
  return "version: 1\nworkers: 2\naccess_log: { to: /dev/null, format: json }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  clear:\n    bind: 127.0.0.1:0\n    routes: &routes\n" + routes +
         "  tls:\n    bind: 127.0.0.1:0\n    tls: { cert: " + harness::certificate_path("good.crt") +
         ", key: " + harness::certificate_path("good.key") + " }\n    routes: *routes\n" +
         "clusters:\n";
}

constexpr std::string_view policies =
    "    filters:\n"
    "      - retry: { backoff: { base: 1ms }, methods: any, budget: { ratio: 100% } }\n"
    "      - circuit_breaker: { failure_ratio: 60%, open_for: 50ms }\n"
    "      - headers: { request: { set: { x-passed: \"{request_id}\" } } }\n";

class World {
 public:
  World() {
    for (std::unique_ptr<Origin>& origin : origins_) origin = std::make_unique<Origin>(mortal());
    std::string endpoints;
    for (const std::unique_ptr<Origin>& origin : origins_)
      endpoints += (endpoints.empty() ? "\"" : ", \"") + origin->address().to_string() + "\"";
    const std::string app =
        "  app:\n    endpoints: [" + endpoints + "]\n" + std::string(policies);
    inner_.emplace(listeners("      - to: app\n") + app);
    outer_.emplace(listeners("      - { match: { path: /far }, to: far }\n      - to: app\n") + app +
                   "  far:\n    url: \"https://" + inner_->address("tls").to_string() + "\"\n" +
                   "    tls: { ca: " + harness::certificate_path("ca.pem") + " }\n" +
                   "    pool: { idle: 100ms, idle_http1: 100ms }\n" +  // lets the inner one rest
                   std::string(policies));
  }

  const TestProxy& outer() const { return *outer_; }
  const TestProxy& inner() const { return *inner_; }
  void kill_one() { origins_[1].reset(); }

 private:
  std::array<std::unique_ptr<Origin>, 3> origins_;
  std::optional<TestProxy> inner_;
  std::optional<TestProxy> outer_;
};

struct Tally {
  std::atomic<int> asked{0};
  std::atomic<int> good{0};
  std::atomic<int> cut{0};
  std::atomic<int> refused{0};  // by the proxy, with a status that it may
  std::atomic<int> wrong{0};
};

void count(Tally& tally, const Reply& reply, const std::string& body) {
  ++tally.asked;
  if (reply.status == 200 && reply.is_whole)
    ++(reply.body == body ? tally.good : tally.wrong);
  else if (reply.status == 200)
    ++tally.cut;
  else
    ++(reply.status == 502 || reply.status == 503 ? tally.refused : tally.wrong);
}

class Customer {
 public:
  Customer(const World& world, int number)
      : version_(number % 2 ? Version::h2 : Version::http1),
        is_tls_(number / 2 % 2 == 1),
        path_(number / 4 % 2 ? "/far" : "/near"),
        tls_(Tls::client({version_ == Version::h2 ? "h2" : "http/1.1"})),
        address_(world.outer().address(is_tls_ ? "tls" : "clear")) {}

  Client connect() const { return Client(address_, version_, is_tls_ ? &tls_ : nullptr); }

  // All its connections at once, a request on each in turn.
  void shop(Tally& tally) {
    std::vector<std::optional<Client>> clients(clients_a_thread);
    for (std::optional<Client>& client : clients) client.emplace(connect());
    for (int round = 0; round < requests_a_client; ++round) {
      for (std::optional<Client>& client : clients) {
        const std::string body(static_cast<std::size_t>(round) * 30'000 + 10, 'x');
        const Reply reply = client->ask({.method = "POST", .path = path_, .body = body});
        count(tally, reply, body);
        if (!reply.is_whole || reply.field("connection") == "close") client.emplace(connect());
      }
    }
  }
  // Asks, and is gone.
  void leave() const {
    Socket socket = Socket::connect(address_);
    if (is_tls_ && !socket.secure(tls_, harness::TlsEnd::Role::client)) return;
    socket.send("POST " + path_ + " HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
    socket.reset();
  }

 private:
  Version version_;
  bool is_tls_;
  std::string path_;
  Tls tls_;
  base::Address address_;
};

// The sum of a metric over its series.
long sum_of(const std::string& metrics, std::string_view name) {
  long sum = 0;
  for (std::size_t at = metrics.find(name); at != metrics.npos; at = metrics.find(name, at + 1)) {
    if (at > 0 && metrics[at - 1] != '\n') continue;
    const std::size_t end = metrics.find('\n', at);
    sum += std::atol(metrics.c_str() + metrics.rfind(' ', end) + 1);
  }
  return sum;
}

// Of all clusters, each the sum over its workers.
double streams_in(const std::string& clusters) {
  double sum = 0;
  const Json all = Json::parse(clusters);
  for (const Json& cluster : all["clusters"].items())
    sum += cluster["streams"].number() + cluster["pending"].number();
  return sum;
}

bool comes_to_rest(const TestProxy& proxy) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(30);
  do {
    const std::string stats = proxy.ask("/stats").body;
    const bool is_at_rest = sum_of(proxy.ask("/metrics").body, "outrider_requests_in_flight") == 0 &&
                            Json::parse(stats)["connections"].number() == 0 &&
                            streams_in(proxy.ask("/clusters").body) == 0;
    if (is_at_rest) return true;
  } while (base::Clock::now() < limit);
  return false;
}

TEST_CASE("load: hundreds of clients, upstreams that die, and somebody who looks on") {
  World world;
  Tally tally;
  std::atomic<bool> is_over{false};
  std::thread onlooker([&] {
    const std::array paths{"/metrics", "/clusters", "/stats", "/config", "/ready"};
    for (std::size_t i = 0; !is_over; ++i) {
      world.outer().ask(paths[i % paths.size()]);
      world.inner().ask(paths[i % paths.size()]);
    }
  });
  std::vector<std::thread> customers;
  std::atomic<int> failures{0};
  for (int i = 0; i < threads; ++i) {
    customers.emplace_back([&, i] {
      try {
        Customer customer(world, i);
        for (int left = 0; left < leavers_a_thread; ++left) customer.leave();
        customer.shop(tally);
      } catch (const std::exception&) {
        ++failures;
      }
    });
    if (i == threads / 2) world.kill_one();
  }
  for (std::thread& customer : customers) customer.join();
  is_over = true;
  onlooker.join();

  constexpr int asked = threads * clients_a_thread * requests_a_client;
  CHECK(failures == 0);
  CHECK(tally.asked == asked);
  CHECK(tally.wrong == 0);
  CHECK(tally.good > 0);
  MESSAGE("good ", tally.good.load(), ", cut ", tally.cut.load(), ", refused ", tally.refused.load());
  CHECK(comes_to_rest(world.outer()));
  CHECK(comes_to_rest(world.inner()));
  const long counted = sum_of(world.outer().ask("/metrics").body, "outrider_requests_total");
  CHECK(counted >= asked);
  CHECK(counted <= asked + threads * leavers_a_thread);
}

}  // namespace
