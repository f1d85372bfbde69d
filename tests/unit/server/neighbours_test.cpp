#include "proxy/server/neighbours.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

namespace {

// A worker with a connection whose client does not end it.
struct Worker {
  explicit Worker(server::Neighbours& all) : member(all, lingering) {}
  ~Worker() {
    for (const int each : clients) ::close(each);
  }
  void linger(net::ConnectionLimits::Place place) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    clients.push_back(ends[0]);
    lingering.take(std::make_unique<net::Transport>(loop, ends[1], std::move(place)),
                   base::Millis{60'000}, base::Millis{60'000});
  }

  base::EventLoop loop;
  net::Lingering lingering{loop};
  server::Neighbours::Member member;
  std::vector<int> clients;
};

}  // namespace

TEST_CASE("neighbours: where one has no room, another ends what only lingers, and only so much") {
  net::ConnectionLimits limits(2, 100);
  server::Neighbours all(limits);
  Worker full(all);
  Worker lingering(all);
  const base::Address source = *base::Address::parse_ip("192.0.2.1", 1);
  lingering.linger(limits.admit(source));
  lingering.linger(limits.admit(source));
  REQUIRE_FALSE(limits.admit(source));
  all.ask_for_room(source);
  all.ask_for_room(source);
  full.loop.turn(base::Millis{0});
  CHECK(limits.is_full());
  lingering.loop.turn(base::Millis{0});
  CHECK(limits.taken() == 1);
}

TEST_CASE("neighbours: where no descriptor is left, another ends what only lingers") {
  net::ConnectionLimits limits(100, 100);
  server::Neighbours all(limits);
  Worker lingering(all);
  lingering.linger(limits.admit(*base::Address::parse_ip("192.0.2.2", 1)));
  lingering.linger(limits.admit(*base::Address::parse_ip("192.0.2.3", 1)));
  all.ask_for_descriptor();
  lingering.loop.turn(base::Millis{0});
  CHECK(limits.taken() == 1);
}

TEST_CASE("neighbours: where a source has no room, those of others stay") {
  net::ConnectionLimits limits(100, 1);
  server::Neighbours all(limits);
  Worker lingering(all);
  const base::Address source = *base::Address::parse_ip("192.0.2.1", 1);
  lingering.linger(limits.admit(*base::Address::parse_ip("192.0.2.2", 1)));
  all.ask_for_room(source);
  lingering.loop.turn(base::Millis{0});
  CHECK(limits.taken() == 1);
  lingering.linger(limits.admit(source));
  REQUIRE_FALSE(limits.admit(source));
  all.ask_for_room(source);
  lingering.loop.turn(base::Millis{0});
  CHECK(limits.admit(source));
}
