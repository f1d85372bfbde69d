#include "proxy/net/connector.hpp"

#include "proxy/base/descriptor.hpp"
#include "proxy/net/acceptor.hpp"
#include "proxy/net/tls_mistrust.hpp"
#include "tests/unit/net/line.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <vector>

namespace {

using base::Address;
using net_test::Identities;
using Connected = std::optional<base::Result<std::unique_ptr<net::Transport>>>;

std::size_t open_descriptors() {
  DIR* all = ::opendir("/proc/self/fd");
  std::size_t count = 0;
  while (::readdir(all)) ++count;
  ::closedir(all);
  return count;
}

struct Connecting : net::Acceptor::Owner {
  virtual ~Connecting() { tasks.cancel_all(); }
  void on_accept(int descriptor, const Address&) override {
    accepted = std::make_unique<net::Transport>(loop, descriptor);
    if (!context) return;
    auto session = std::make_unique<net::TlsSession>(context, descriptor, net::Role::server);
    tasks.spawn(net_test::Line::shake(*accepted, std::move(session), base::never, shaken))
        .release();
  }
  void listen(const std::string& where) {
    auto descriptors = net::listen_on(*Address::parse(where), 1);
    if (descriptors)
      acceptor =
          std::make_unique<net::Acceptor>(loop, std::move(descriptors->front()), nullptr, *this);
  }
  base::Task<> connect(Address to, std::shared_ptr<const certs::TlsContext> tls, base::Time until) {
    auto result = co_await net::connect(loop, to, tls, until, net::Offer::as_configured, "", &turns);
    connected.emplace(std::move(result));
  }
  bool try_it(const Address& to, std::shared_ptr<const certs::TlsContext> tls = nullptr,
              base::Duration limit = std::chrono::seconds(5)) {
    connected.reset();
    loop.turn(base::Millis{0});
    child = tasks.spawn(connect(to, tls, loop.now() + limit));
    const base::Time until = base::Clock::now() + std::chrono::seconds(10);
    while (!connected && base::Clock::now() < until) loop.turn(base::Millis{1});
    REQUIRE(connected);
    return connected->ok();
  }

  base::EventLoop loop;
  net::HandshakeTurns turns{loop};
  base::TaskGroup tasks{loop};
  base::Child child;
  std::shared_ptr<const certs::TlsContext> context;
  std::unique_ptr<net::Acceptor> acceptor;
  std::unique_ptr<net::Transport> accepted;
  net_test::Shaken shaken;
  Connected connected;
};

TEST_CASE_FIXTURE(Connecting, "connector: reaches every family, clear and over TLS") {
  const certs_test::Folder folder;
  const Identities identities;
  for (const std::string& where :
       {std::string("127.0.0.1:0"), std::string("[::1]:0"), "unix:" + folder.path("socket")}) {
    for (const bool is_tls : {false, true}) {
      CAPTURE(where);
      CAPTURE(is_tls);
      acceptor.reset();
      context = is_tls ? identities.server_context() : nullptr;
      listen(where);
      if (!acceptor && where.starts_with('[')) continue;  // no IPv6 here
      REQUIRE(acceptor);
      REQUIRE(try_it(acceptor->address(), is_tls ? identities.client_context() : nullptr));
      net::Transport& transport = ***connected;
      CHECK((transport.tls() != nullptr) == is_tls);
      transport.send("hello");
      const base::Time until = base::Clock::now() + std::chrono::seconds(5);
      base::Bytes got;
      while (got.empty() && base::Clock::now() < until) {
        loop.turn(base::Millis{1});
        if (accepted && (!is_tls || shaken)) got = accepted->read_now().bytes;
      }
      CHECK(got.view() == "hello");
      shaken.reset();
    }
  }
}

TEST_CASE_FIXTURE(Connecting, "connector: nobody there is a connect_failure, nothing was sent") {
  listen("127.0.0.1:0");
  const Address gone = acceptor->address();
  acceptor.reset();
  for (const Address& where : {gone, *Address::parse("unix:/nowhere/at/all")}) {
    REQUIRE(!try_it(where));
    const base::Error& error = connected->error();
    CHECK(error.reason == base::Reason::connect_failure);
    CHECK(error.fault == base::Fault::upstream);
    CHECK(error.unsent);
    CHECK(error.cause);
  }
}

TEST_CASE_FIXTURE(Connecting,
                  "connector: our own lack of descriptors is not the upstream's fault") {
  listen("127.0.0.1:0");
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const rlimit none{0, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  const bool is_connected = try_it(acceptor->address());
  setrlimit(RLIMIT_NOFILE, &before);
  REQUIRE_FALSE(is_connected);
  CHECK(connected->error().reason == base::Reason::internal);
  CHECK(connected->error().fault == base::Fault::proxy);
  CHECK(connected->error().unsent);
}

TEST_CASE_FIXTURE(Connecting, "connector: silence is a connect_timeout, and nothing stays open") {
  const Identities identities;
  const std::size_t before = open_descriptors();
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const Address::Socket any = Address::parse("127.0.0.1:0")->socket();
  REQUIRE(::bind(listener, any.get(), any.size) == 0);
  REQUIRE(::listen(listener, 0) == 0);
  const Address address = Address::local_of(listener);
  std::vector<int> queue;
  SUBCASE("of the kernel: the queue is full") {
    for (int i = 0; i < 3; ++i) {
      queue.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      const Address::Socket to = address.socket();
      ::connect(queue.back(), to.get(), to.size);
    }
    REQUIRE(!try_it(address, nullptr, base::Millis{20}));
    CHECK(connected->error().detail == "connecting took too long");
  }
  SUBCASE("of the server: it does not shake hands") {
    REQUIRE(!try_it(address, identities.client_context(), base::Millis{20}));
    CHECK(connected->error().detail == "the TLS handshake took too long");
  }
  CHECK(connected->error().reason == base::Reason::connect_timeout);
  CHECK(connected->error().unsent);
  for (const int each : queue) ::close(each);
  ::close(listener);
  loop.turn(base::Millis{0});
  CHECK(open_descriptors() == before);
}

TEST_CASE_FIXTURE(Connecting, "connector: a wrong certificate is a tls_failure, nothing was sent") {
  const Identities identities;
  certs::TlsClientSettings other = identities.client;
  other.server_name = "b.test";
  context = identities.server_context();
  listen("127.0.0.1:0");
  REQUIRE(!try_it(acceptor->address(), Identities::made(make_client_context(other))));
  CHECK(connected->error().reason == base::Reason::tls_failure);
  CHECK(connected->error().unsent);
  CHECK(net::verdict_of(connected->error().cause) == X509_V_ERR_HOSTNAME_MISMATCH);
}

// Of those that came, how many have begun to speak.
std::size_t with_bytes(const std::vector<base::Descriptor>& clients) {
  char room[1];
  return static_cast<std::size_t>(
      std::count_if(clients.begin(), clients.end(), [&](const base::Descriptor& client) {
        return ::recv(client.number(), room, sizeof room, MSG_PEEK | MSG_DONTWAIT) > 0;
      }));
}

TEST_CASE_FIXTURE(Connecting, "connector: four handshakes begin in a turn") {
  auto listening = net::listen_on(*Address::parse("127.0.0.1:0"), 1);
  REQUIRE(listening);
  const Address to = Address::local_of(listening->front().number());
  const Identities identities;
  const auto tls = identities.client_context();
  base::TaskGroup connecting(loop);
  for (int i = 0; i < 10; ++i) connecting.spawn(connect(to, tls, base::never)).release();
  std::vector<base::Descriptor> clients;
  for (int i = 0; i < 10; ++i)
    clients.emplace_back(::accept4(listening->front().number(), nullptr, nullptr, SOCK_CLOEXEC));
  std::size_t begun = 0;
  for (int i = 0; i < 20 && begun < clients.size(); ++i) {
    loop.turn(base::Millis{1});
    const std::size_t now = with_bytes(clients);
    CHECK(now - begun <= 4);
    begun = now;
  }
  CHECK(begun == clients.size());
}

TEST_CASE_FIXTURE(Connecting, "connector: given up, it leaves nothing open") {
  listen("127.0.0.1:0");
  const Identities identities;
  const auto tls = identities.client_context();
  loop.turn(base::Millis{0});
  const std::size_t before = open_descriptors();
  child = tasks.spawn(connect(acceptor->address(), tls, base::never));
  CHECK(open_descriptors() == before + 1);
  child.cancel();
  loop.turn(base::Millis{0});
  accepted.reset();
  CHECK(open_descriptors() == before);
}

}  // namespace
