#include "proxy/net/lingering.hpp"

#include "proxy/net/acceptor.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using base::Address;

const Address one = *Address::parse("192.0.2.1:1000");
const Address another = *Address::parse("192.0.2.2:1000");

// Connections that are done with, and their clients.
struct Leavers {
  ~Leavers() {
    for (const int each : clients) ::close(each);
  }
  // Lingers, `unsent` bytes of output being more than its client takes.
  void leave(const Address& source, std::size_t unsent = 0,
             base::Millis send_timeout = base::Millis{30'000}) {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    clients.push_back(ends[1]);
    auto transport = std::make_unique<net::Transport>(loop, ends[0], limits.admit(source));
    loop.turn(base::Millis{0});
    transport->queue(std::string(unsent, 'x'));
    lingering.take(std::move(transport), send_timeout);
  }
  bool has_end(std::size_t client) const {
    std::vector<char> room(64 * 1024);
    ssize_t got = 0;
    do got = ::recv(clients[client], room.data(), room.size(), MSG_DONTWAIT);
    while (got > 0);
    return got == 0 || errno != EAGAIN;
  }
  template <typename Done> bool turn_until(Done done) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (!done() && base::Clock::now() < limit) loop.turn(base::Millis{1});
    return done();
  }

  net::ConnectionLimits limits{100, 100};
  base::EventLoop loop;
  net::Lingering lingering{loop};
  std::vector<int> clients;
};

constexpr std::size_t too_much = 4 * 1024 * 1024;

TEST_CASE_FIXTURE(Leavers,
                  "lingering: a connection keeps its place until its descriptor is closed") {
  leave(one);
  leave(another, too_much);
  CHECK(limits.taken() == 2);
  CHECK_FALSE(lingering.empty());
  ::shutdown(clients[0], SHUT_WR);
  CHECK(turn_until([&] { return limits.taken() == 1; }));
  ::close(clients[1]);
  clients.pop_back();
  CHECK(turn_until([&] { return lingering.empty(); }));
  CHECK(limits.taken() == 0);
}

TEST_CASE_FIXTURE(Leavers, "lingering: the peer gets all that was queued, then the end") {
  leave(one, 100);
  loop.turn(base::Millis{0});
  char room[200];
  CHECK(::recv(clients[0], room, sizeof room, 0) == 100);
  CHECK(::recv(clients[0], room, sizeof room, 0) == 0);
  CHECK(limits.taken() == 1);  // the client may still be sending
}

TEST_CASE_FIXTURE(Leavers, "lingering: the oldest goes first, its place is free at once") {
  CHECK_FALSE(lingering.end_oldest());
  leave(one, too_much);
  leave(another);
  leave(one);
  REQUIRE(lingering.end_oldest());
  CHECK(limits.taken() == 2);
  CHECK(has_end(0));
  REQUIRE(lingering.end_oldest_of(one));
  CHECK(limits.taken() == 1);
  CHECK_FALSE(lingering.end_oldest_of(one));
  REQUIRE(lingering.end_oldest());
  CHECK_FALSE(lingering.end_oldest());
  CHECK(limits.taken() == 0);
  loop.turn(base::Millis{0});
  CHECK(lingering.empty());
}

TEST_CASE_FIXTURE(Leavers,
                  "lingering: those of loopback and Unix sockets have no source to go for") {
  const Address near = *Address::parse("127.0.0.1:1");
  leave(near);
  CHECK_FALSE(lingering.end_oldest_of(near));
  CHECK(lingering.end_oldest());
}

TEST_CASE_FIXTURE(Leavers, "lingering: a peer that takes nothing is given up after send_timeout") {
  leave(one, too_much, base::Millis{50});
  leave(another, too_much);
  CHECK(turn_until([&] { return limits.taken() == 1; }));
}

TEST_CASE_FIXTURE(Leavers, "lingering: a peer that takes little has ten times as long") {
  const base::Time began = base::Clock::now();
  leave(one, 16 * too_much, base::Millis{100});
  std::vector<char> room(64 * 1024);
  std::size_t taken = 0;
  while (limits.taken() == 1 && base::Clock::now() - began < std::chrono::seconds(5)) {
    const ssize_t got = ::recv(clients[0], room.data(), room.size(), MSG_DONTWAIT);
    if (got > 0) taken += static_cast<std::size_t>(got);
    ::usleep(5'000);
    loop.turn(base::Millis{0});
  }
  CHECK(limits.taken() == 0);
  CHECK(base::Clock::now() - began >= base::Millis{1'000});
  CHECK(taken < 16 * too_much);
}

TEST_CASE_FIXTURE(Leavers, "lingering: dies with connections under way") {
  leave(one, too_much);
  leave(another);
}

// Closes what lingers when an acceptor has no descriptor left.
struct Host final : net::Acceptor::Owner {
  explicit Host(net::Lingering& leaving) : lingering(leaving) {}
  ~Host() {
    for (const int each : accepted) ::close(each);
  }
  void on_accept(int descriptor, const Address&) override { accepted.push_back(descriptor); }
  bool free_descriptor() override { return lingering.end_oldest(); }
  net::Lingering& lingering;
  std::vector<int> accepted;
};

TEST_CASE_FIXTURE(Leavers, "lingering: makes room for who comes when descriptors have run out") {
  auto bound = net::listen_on(*Address::parse("127.0.0.1:0"), 1);
  REQUIRE(bound);
  Host host(lingering);
  net::Acceptor acceptor(loop, std::move(bound->front()), nullptr, host);
  leave(one, too_much);
  leave(another, too_much);
  const Address::Socket to = acceptor.address().socket();
  for (int i = 0; i < 3; ++i) {
    clients.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::connect(clients.back(), to.get(), to.size) == 0);
  }
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const int next = ::dup(0);
  ::close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  for (int i = 0; i < 3; ++i) loop.turn(base::Millis{0});
  setrlimit(RLIMIT_NOFILE, &before);
  CHECK(host.accepted.size() == 2);
  CHECK(limits.taken() == 0);
  CHECK(has_end(0));
  CHECK(has_end(1));
}

}  // namespace
