#include "proxy/net/family_race.hpp"

#include "proxy/base/task_group.hpp"

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using base::Address;
using net::IpVersion;

// Listens on a port of its own; whom nobody accepts, the kernel greets.
class Listening {
 public:
  explicit Listening(const char* at, int backlog = 8)
      : socket_(::socket(Address::parse(at)->family(), SOCK_STREAM, 0)) {
    const Address::Socket any = Address::parse(at)->socket();
    REQUIRE(::bind(socket_, any.get(), any.size) == 0);
    REQUIRE(::listen(socket_, backlog) == 0);
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  ~Listening() { ::close(socket_); }
  Address address() const { return Address::local_of(socket_); }

 private:
  int socket_;
};

base::Task<> race(base::EventLoop& loop, Address ipv6, Address ipv4, base::Time until,
                  std::optional<IpVersion>& winner, bool& is_over) {
  winner = co_await net::race_families(loop, ipv6, ipv4, until);
  is_over = true;
}

std::optional<IpVersion> winner_of(Address ipv6, Address ipv4) {
  base::EventLoop loop;
  base::TaskGroup tasks(loop);
  std::optional<IpVersion> winner;
  bool is_over = false;
  const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
  tasks.spawn(race(loop, ipv6, ipv4, loop.now() + base::Millis{900}, winner, is_over)).release();
  while (!is_over && base::Clock::now() < limit) loop.turn(base::Millis{5});
  REQUIRE(is_over);
  return winner;
}

TEST_CASE("family race: IPv6 wins where it can be connected to") {
  const Listening ipv6("[::1]:0");
  const Listening ipv4("127.0.0.1:0");
  CHECK(winner_of(ipv6.address(), ipv4.address()) == IpVersion::ipv6);
}

TEST_CASE("family race: where IPv6 is refused, IPv4 does not wait for its turn") {
  const Listening ipv4("127.0.0.1:0");
  const Address nobody = Listening("[::1]:0").address();
  const base::Time before = base::Clock::now();
  CHECK(winner_of(nobody, ipv4.address()) == IpVersion::ipv4);
  CHECK(base::Clock::now() - before < base::Millis{200});
}

// A queue of connections that is full: the kernel drops what comes, as a hole in the net does.
TEST_CASE("family race: where IPv6 is silent, IPv4 wins a quarter of a second later") {
  const Listening silent("[::1]:0", 0);
  std::vector<int> queued;
  for (int i = 0; i < 4; ++i) {
    queued.push_back(::socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const Address::Socket to = silent.address().socket();
    (void)::connect(queued.back(), to.get(), to.size);
  }
  const Listening ipv4("127.0.0.1:0");
  const base::Time before = base::Clock::now();
  CHECK(winner_of(silent.address(), ipv4.address()) == IpVersion::ipv4);
  CHECK(base::Clock::now() - before >= base::Millis{240});
  for (const int descriptor : queued) ::close(descriptor);
}

TEST_CASE("family race: nobody wins where nobody listens") {
  const Address ipv6 = Listening("[::1]:0").address();
  const Address ipv4 = Listening("127.0.0.1:0").address();
  CHECK(!winner_of(ipv6, ipv4));
}

}  // namespace
