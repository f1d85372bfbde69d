#include "proxy/net/resolver.hpp"

#include <doctest/doctest.h>

#include <optional>

#include "proxy/base/task_group.hpp"
#include "tests/unit/net/name_server.hpp"

namespace {

using base::Address;
using base::Millis;
using net::AddressFamily;
using net::Question;
using net::Resolved;

using net_test::a;
using net_test::aaaa;
using net_test::cname;
using net_test::NameServer;

struct ResolverTest {
  using Answer = base::Result<Resolved>;

  static base::Task<> ask(net::Resolver& of, Question question, std::optional<Answer>& into) {
    Answer answer = co_await of.resolve(std::move(question));
    into.emplace(std::move(answer));
  }
  static base::Task<> ask_srv_of(net::Resolver& of, std::string name,
                                 std::optional<base::Result<net::SrvAnswer>>& into) {
    const Millis timeout{1000};
    base::Result<net::SrvAnswer> found = co_await of.resolve_srv(std::move(name), timeout);
    into.emplace(std::move(found));
  }
  Answer resolve(Question question) {
    std::optional<Answer> answer;
    const base::Child child = tasks.spawn(ask(resolver, std::move(question), answer));
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (!answer && base::Clock::now() < limit) {
      loop.turn(Millis{2});
      server.answer();
    }
    REQUIRE(answer);
    return *answer;
  }
  static std::vector<std::string> texts(const Resolved& found) {
    std::vector<std::string> out;
    for (const Address& address : found.addresses) out.push_back(address.to_string());
    return out;
  }

  base::EventLoop loop;
  NameServer server;
  net::Resolver resolver{loop, server.address()};
  base::TaskGroup tasks{loop};
};

using Texts = std::vector<std::string>;

TEST_CASE_FIXTURE(ResolverTest, "resolver: the addresses of a name, and the least TTL of its chain") {
  server.answers[a] = {{"orders.test", cname, 20, "a.test"},
                       {"a.test", a, 300, "10.0.0.2"},
                       {"a.test", a, 60, "10.0.0.1"}};
  const Answer answer = resolve({"orders.test", 8443, AddressFamily::ipv4, Millis{2000}});
  REQUIRE(answer);
  CHECK(texts(*answer) == Texts{"10.0.0.1:8443", "10.0.0.2:8443"});
  CHECK(answer->ttl == std::chrono::seconds(20));
  CHECK(!answer->is_local);
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: asks for both families, unless told otherwise") {
  server.answers[a] = {{"x.test", a, 60, "10.0.0.1"}};
  server.answers[aaaa] = {{"x.test", aaaa, 60, "fd00::1"}};
  const struct {
    AddressFamily family;
    Texts expected;
  } cases[] = {
      {AddressFamily::any, {"10.0.0.1:1", "[fd00::1]:1"}},
      {AddressFamily::ipv4, {"10.0.0.1:1"}},
      {AddressFamily::ipv6, {"[fd00::1]:1"}},
  };
  for (const auto& one : cases) {
    const Answer answer = resolve({"x.test", 1, one.family, Millis{2000}});
    REQUIRE(answer);
    CHECK(texts(*answer) == one.expected);
  }
  server.answers[a].clear();
  const Answer only_ipv6 = resolve({"x.test", 1, AddressFamily::any, Millis{2000}});
  REQUIRE(only_ipv6);
  CHECK(texts(*only_ipv6) == Texts{"[fd00::1]:1"});
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: what needs no server has its addresses of both families") {
  const struct {
    AddressFamily family;
    Texts expected;
  } cases[] = {
      {AddressFamily::any, {"127.0.0.1:1", "[::1]:1"}},
      {AddressFamily::ipv4, {"127.0.0.1:1"}},
      {AddressFamily::ipv6, {"[::1]:1"}},
  };
  for (const auto& one : cases) {
    const Answer answer = resolve({"app.localhost", 1, one.family, Millis{2000}});
    REQUIRE(answer);
    CHECK(texts(*answer) == one.expected);
    CHECK(answer->is_local);
  }
  CHECK(server.questions == 0);
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: a server that never answers for IPv6 delays nobody") {
  server.answers[a] = {{"x.test", a, 60, "10.0.0.1"}};
  server.silent_to = aaaa;
  const Answer answer = resolve({"x.test", 1, AddressFamily::any, Millis{2000}});
  REQUIRE(answer);
  CHECK(texts(*answer) == Texts{"10.0.0.1:1"});
  CHECK(server.questions == 1);
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: a TTL of zero is told as it is") {
  server.answers[aaaa] = {{"x.test", aaaa, 0, "fd00::1"}, {"x.test", aaaa, 7, "fd00::2"}};
  const Answer answer = resolve({"x.test", 1, AddressFamily::any, Millis{2000}});
  REQUIRE(answer);
  CHECK(texts(*answer) == Texts{"[fd00::1]:1", "[fd00::2]:1"});
  CHECK(answer->ttl == std::chrono::seconds(0));
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: SRV records, and why there are none") {
  const auto ask_srv = [&](const std::string& name) {
    std::optional<base::Result<net::SrvAnswer>> answer;
    const base::Child child = tasks.spawn(ask_srv_of(resolver, name, answer));
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (!answer && base::Clock::now() < limit) {
      loop.turn(Millis{2});
      server.answer();
    }
    REQUIRE(answer);
    return *answer;
  };
  server.answers[net_test::srv] = {{"_a._tcp.test", net_test::srv, 7, "1 2 80 one.test"}};
  const base::Result<net::SrvAnswer> found = ask_srv("_a._tcp.test");
  REQUIRE(found);
  CHECK(found->records.at(0) == net::SrvRecord{"one.test", 80, 1, 2});
  CHECK(found->ttl == std::chrono::seconds(7));
  server.answers.clear();
  CHECK(ask_srv("_a._tcp.test").error().detail == "the name has no SRV record");
  server.code = 3;
  CHECK(ask_srv("_b._tcp.test").error().detail == "the name does not exist");
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: what fails is a dns_failure that says why") {
  SUBCASE("no such name") {
    server.code = 3;
    const Answer answer = resolve({"none.test", 1, AddressFamily::any, Millis{2000}});
    REQUIRE(!answer);
    CHECK(answer.error().reason == base::Reason::dns_failure);
    CHECK(answer.error().detail == "the name does not exist");
  }
  SUBCASE("no address") {
    const Answer answer = resolve({"empty.test", 1, AddressFamily::any, Millis{2000}});
    REQUIRE(!answer);
    CHECK(answer.error().reason == base::Reason::dns_failure);
  }
  SUBCASE("the server has failed") {
    server.code = 2;
    const Answer answer = resolve({"x.test", 1, AddressFamily::any, Millis{2000}});
    REQUIRE(!answer);
    CHECK(answer.error().detail == "the name cannot be resolved");
    CHECK(answer.error().unsent);
  }
  SUBCASE("silence") {
    server.is_silent = true;
    const Answer answer = resolve({"slow.test", 1, AddressFamily::any, Millis{30}});
    REQUIRE(!answer);
    CHECK(answer.error().detail == "the name servers do not answer");
  }
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: /etc/hosts is asked first") {
  const Answer answer = resolve({"localhost", 80, AddressFamily::any, Millis{2000}});
  REQUIRE(answer);
  CHECK(texts(*answer) == Texts{"127.0.0.1:80"});
  CHECK(answer->is_local);
  CHECK(server.questions == 0);
}

TEST_CASE_FIXTURE(ResolverTest, "resolver: an address that comes twice is one") {
  for (int i = 0; i < 15; ++i)
    server.answers[a].push_back({"m.test", a, 9, "10.0.0." + std::to_string(i % 10)});
  const Answer answer = resolve({"m.test", 1, AddressFamily::ipv4, Millis{2000}});
  REQUIRE(answer);
  CHECK(answer->addresses.size() == 10);
}

}  // namespace
