#include "proxy/net/acceptor.hpp"

#include "tests/unit/certs/made.hpp"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <netinet/tcp.h>
#include <set>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using base::Address;

Address loopback() {
  return *Address::parse("127.0.0.1:0");
}

// What a client has of its connection.
enum class Seen { nothing, end };

struct Listening : net::Acceptor::Owner {
  virtual ~Listening() {
    for (const int each : accepted) ::close(each);
    for (const int each : clients) ::close(each);
  }
  void on_accept(int descriptor, const Address& remote) override {
    accepted.push_back(descriptor);
    remotes.push_back(remote);
  }
  int connect(const Address& to) {
    const int client = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    const Address::Socket socket = to.socket();
    REQUIRE(::connect(client, socket.get(), socket.size) == 0);
    clients.push_back(client);
    return client;
  }
  template <typename Done> bool turn_until(Done done) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (!done() && base::Clock::now() < limit) loop.turn(base::Millis{1});
    return done();
  }
  static Seen seen_by(int client) {
    char byte = 0;
    const ssize_t got = ::recv(client, &byte, 1, MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN ? Seen::nothing : Seen::end;
  }

  base::EventLoop loop;
  std::vector<int> accepted;
  std::vector<Address> remotes;
  std::vector<int> clients;
};

// No descriptor more may be opened, for as long as it lives.
class Exhaustion {
 public:
  Exhaustion() {
    REQUIRE(getrlimit(RLIMIT_NOFILE, &before_) == 0);
    const int next = ::dup(0);
    ::close(next);
    const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
    REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  }
  Exhaustion(const Exhaustion&) = delete;
  Exhaustion& operator=(const Exhaustion&) = delete;
  ~Exhaustion() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE_FIXTURE(Listening, "acceptor: takes whoever comes, over every family") {
  const certs_test::Folder folder;
  for (const std::string& where :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + folder.path("socket")}) {
    CAPTURE(where);
    auto descriptors = net::listen_on(*Address::parse(where), 1);
    if (!descriptors && where.starts_with('[')) {
      MESSAGE("no IPv6 here");
      continue;
    }
    REQUIRE(descriptors);
    net::Acceptor acceptor(loop, std::move(descriptors->front()), nullptr, *this);
    const std::size_t before = accepted.size();
    const int client = connect(acceptor.address());
    REQUIRE(turn_until([&] { return accepted.size() == before + 1; }));
    CHECK(Address::local_of(accepted.back()) == acceptor.address());
    if (acceptor.address().is_ip()) CHECK(remotes.back() == Address::local_of(client));
    CHECK((::fcntl(accepted.back(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(accepted.back(), F_GETFD) & FD_CLOEXEC) != 0);
  }
}

TEST_CASE_FIXTURE(Listening, "acceptor: a client that vanishes in silence will be missed") {
  auto bound = net::listen_on(loopback(), 1);
  REQUIRE(bound);
  net::Acceptor acceptor(loop, std::move(bound->front()), nullptr, *this);
  connect(acceptor.address());
  REQUIRE(turn_until([&] { return accepted.size() == 1; }));
  const auto option = [&](int level, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    REQUIRE(getsockopt(accepted[0], level, name, &value, &size) == 0);
    return value;
  };
  CHECK(option(SOL_SOCKET, SO_KEEPALIVE) == 1);
  CHECK(option(IPPROTO_TCP, TCP_KEEPIDLE) == 60);
  CHECK(option(IPPROTO_TCP, TCP_NODELAY) == 1);
}

TEST_CASE_FIXTURE(Listening, "acceptor: without descriptors one is turned away, the next waits") {
  auto descriptors = net::listen_on(loopback(), 1);
  REQUIRE(descriptors);
  net::Acceptor acceptor(loop, std::move(descriptors->front()), nullptr, *this);
  const int first = connect(acceptor.address());
  const int second = connect(acceptor.address());
  connect(acceptor.address());
  {
    const Exhaustion exhaustion;
    const base::Time begun = base::Clock::now();
    for (int i = 0; i < 3; ++i) loop.turn(base::Millis{0});
    CHECK(accepted.empty());
    CHECK(seen_by(first) == Seen::end);
    const bool is_paused = base::Clock::now() < begun + base::Millis{100};
    if (is_paused) CHECK(seen_by(second) == Seen::nothing);
  }
  CHECK(turn_until([&] { return !accepted.empty(); }));
}

TEST_CASE_FIXTURE(Listening, "acceptor: paused, connections wait; resumed, they are taken") {
  auto descriptors = net::listen_on(loopback(), 1);
  REQUIRE(descriptors);
  net::Acceptor acceptor(loop, std::move(descriptors->front()), nullptr, *this);
  acceptor.pause();
  for (int i = 0; i < 40; ++i) connect(acceptor.address());
  for (int i = 0; i < 3; ++i) loop.turn(base::Millis{1});
  CHECK(accepted.empty());
  acceptor.resume();
  loop.turn(base::Millis{1});
  CHECK(!accepted.empty());
  CHECK(accepted.size() < 40);  // the others of this loop have their turn
  CHECK(turn_until([&] { return accepted.size() == 40; }));
}

TEST_CASE_FIXTURE(Listening, "acceptor: closing takes who has come already") {
  auto descriptors = net::listen_on(loopback(), 1);
  REQUIRE(descriptors);
  net::Acceptor acceptor(loop, std::move(descriptors->front()), nullptr, *this);
  for (int i = 0; i < 20; ++i) connect(acceptor.address());
  acceptor.close();
  CHECK(accepted.size() == 20);
}

TEST_CASE("listen_on: a port for all workers, and nobody else's") {
  const auto mine = net::listen_on(loopback(), 3);
  REQUIRE(mine);
  REQUIRE(mine->size() == 3);
  std::set<std::string> addresses;
  for (const base::Descriptor& each : *mine)
    addresses.insert(Address::local_of(each.number()).to_string());
  CHECK(addresses.size() == 1);
  const auto taken = net::listen_on(Address::local_of(mine->front().number()), 1);
  REQUIRE(!taken);
  CHECK(taken.error().cause == boost::system::errc::address_in_use);
}

TEST_CASE("listen_on: a path that is left over is replaced, one in use or of a file is not") {
  const certs_test::Folder folder;
  const Address address = *Address::parse("unix:" + folder.path("socket"));
  auto first = net::listen_on(address, 2);
  REQUIRE(first);
  CHECK(first->size() == 2);
  const auto second = net::listen_on(address, 1);
  REQUIRE(!second);
  CHECK(second.error().cause == boost::system::errc::address_in_use);
  first->clear();
  const auto third = net::listen_on(address, 1);
  REQUIRE(third);
  folder.write("file", "precious");
  CHECK(!net::listen_on(*Address::parse("unix:" + folder.path("file")), 1));
  CHECK(std::filesystem::file_size(folder.path("file")) == 8);
}

}  // namespace
