#include "proxy/server/listening_sockets.hpp"

#include "proxy/net/acceptor.hpp"
#include "proxy/server/plan.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using base::Address;
using server::ListeningSockets;
using server::Plan;

struct Wanted {
  std::string listener;
  std::vector<std::string> bind;
  std::uint32_t mode = 0660;
  std::string owner{};
};

std::unique_ptr<Plan> plan_of(const std::vector<Wanted>& wanted) {
  auto config = std::make_shared<config::Config>();
  config->workers = 2;
  for (const Wanted& each : wanted) {
    config::Listener& listener = config->listeners.emplace_back();
    listener.name = each.listener;
    listener.mode = each.mode;
    listener.owner = each.owner;
    for (const std::string& address : each.bind) listener.bind.push_back(*Address::parse(address));
  }
  return server::make_plan(config).plan;
}

std::string address(const Plan& plan, std::size_t listener, std::size_t n = 0) {
  return plan.listeners[listener].addresses[n].to_string();
}

// Whether nobody listens there.
bool is_free(const std::string& where) {
  return net::listen_on(*Address::parse(where), 1).ok();
}

TEST_CASE("listening sockets: each listener keeps the port that was chosen for it") {
  ListeningSockets sockets;
  const auto first = plan_of({{"a", {"127.0.0.1:0", "127.0.0.1:0"}}, {"b", {"127.0.0.1:0"}}});
  const ListeningSockets::Binding bound = sockets.bind(*first);
  REQUIRE(bound.problem == "");
  REQUIRE(bound.by_worker.size() == 2);
  CHECK(bound.by_worker[1].size() == 3);

  const auto second = plan_of({{"b", {"127.0.0.1:0"}}, {"a", {"127.0.0.1:0", "127.0.0.1:0"}}});
  const ListeningSockets::Binding kept = sockets.bind(*second);
  CHECK(kept.problem == "");
  CHECK(kept.by_worker[0].empty());
  CHECK(address(*second, 0) == address(*first, 1));
  CHECK(address(*second, 1) == address(*first, 0));
  CHECK(address(*second, 1, 1) == address(*first, 0, 1));

  // Another name, and the port written out.
  const auto third = plan_of({{"c", {"127.0.0.1:0"}}, {"d", {address(*first, 1)}}});
  const ListeningSockets::Binding renamed = sockets.bind(*third);
  CHECK(renamed.problem == "");
  CHECK(renamed.by_worker[0].empty());
  CHECK(address(*third, 1) == address(*first, 1));
}

TEST_CASE("listening sockets: a port of ours moves to another of its addresses") {
  ListeningSockets sockets;
  const auto chosen = plan_of({{"a", {"0.0.0.0:0"}}});
  const ListeningSockets::Binding bound = sockets.bind(*chosen);
  const std::string port = address(*chosen, 0).substr(std::string("0.0.0.0").size());
  for (const std::string where : {"127.0.0.1", "0.0.0.0", "127.0.0.1"}) {
    const auto next = plan_of({{"a", {where + port}}});
    const ListeningSockets::Binding moved = sockets.bind(*next);
    CHECK(moved.problem == "");
    CHECK(address(*next, 0) == where + port);
  }
  // Nor does one that stays share it.
  const auto both = plan_of({{"a", {"127.0.0.1" + port}}, {"b", {"0.0.0.0" + port}}});
  CHECK(sockets.bind(*both).problem.starts_with("listener b: cannot bind 0.0.0.0" + port));
}

TEST_CASE("listening sockets: the path of a Unix socket goes with the last who listens there") {
  const std::string base = "/tmp/outrider-paths." + std::to_string(::getpid());
  const auto is_there = [](const std::string& path) { return ::access(path.c_str(), F_OK) == 0; };
  ListeningSockets sockets;
  const auto first = plan_of({{"a", {"unix:" + base + ".1"}}, {"b", {"unix:" + base + ".2"}}});
  ListeningSockets::Binding bound = sockets.bind(*first);
  REQUIRE(bound.problem == "");
  CHECK((is_there(base + ".1") && is_there(base + ".2")));
  // A plan that cannot be bound takes nothing away, and leaves nothing.
  const auto foreign = net::listen_on(*Address::parse("127.0.0.1:0"), 1);
  const auto bad = plan_of({{"a", {"unix:" + base + ".3"}},
                            {"b", {Address::local_of(foreign->front().number()).to_string()}}});
  CHECK(sockets.bind(*bad).problem != "");
  CHECK((is_there(base + ".1") && is_there(base + ".2")));
  CHECK_FALSE(is_there(base + ".3"));
  const auto second = plan_of({{"renamed", {"unix:" + base + ".2"}}});
  const ListeningSockets::Binding kept = sockets.bind(*second);
  CHECK(kept.problem == "");
  CHECK(kept.by_worker[0].empty());
  bound.by_worker[0].erase(bound.by_worker[0].begin());
  CHECK(is_there(base + ".1"));  // the other worker has not gone over yet
  bound.by_worker[1].erase(bound.by_worker[1].begin());
  CHECK_FALSE(is_there(base + ".1"));
  CHECK(is_there(base + ".2"));
  bound.by_worker.clear();
  CHECK_FALSE(is_there(base + ".2"));
}

// "" = there is no IPv6.
std::string free_port6() {
  const auto probe = net::listen_on(*Address::parse("[::]:0"), 1, {true, {}});
  return probe ? std::to_string(Address::local_of(probe->front().number()).port()) : "";
}

// The families of the bound sockets on which a client of that address arrives.
std::vector<int> reached(const std::vector<ListeningSockets::Binding*>& all, const Address& to) {
  const base::Descriptor client(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address::Socket socket = to.socket();
  if (::connect(client.number(), socket.get(), socket.size) != 0) return {};
  std::vector<int> found;
  for (const ListeningSockets::Binding* bound : all)
    for (const auto& worker : bound->by_worker)
      for (const server::NewSocket& each : worker)
        if (const int peer = ::accept(each.descriptor.number(), nullptr, nullptr); peer >= 0) {
          found.push_back(each.address.family());
          ::close(peer);
        }
  return found;
}

TEST_CASE("listening sockets: IPv4 is served beside [::], whatever a reload adds or takes away") {
  const std::string port = free_port6();
  if (port.empty()) return;  // no IPv6 here
  const std::string v6 = "[::]:" + port;
  const std::string v4 = "0.0.0.0:" + port;
  const Address here4 = *Address::parse("127.0.0.1:" + port);
  const Address here6 = *Address::parse("[::1]:" + port);
  for (const bool begins_with_both : {true, false}) {
    CAPTURE(begins_with_both);
    ListeningSockets sockets;
    const auto both = plan_of({{"a", {v6}}, {"b", {v4}}});
    const auto alone = plan_of({{"a", {v6}}});
    ListeningSockets::Binding first = sockets.bind(begins_with_both ? *both : *alone);
    REQUIRE(first.problem == "");
    ListeningSockets::Binding second = sockets.bind(begins_with_both ? *alone : *both);
    CHECK(second.problem == "");
    CHECK(second.by_worker[0].size() == (begins_with_both ? 0 : 1));
    CHECK(address(*alone, 0) == v6);
    CHECK(alone->listeners[0].addresses.size() == (begins_with_both ? 2 : 1));
    CHECK(reached({&first, &second}, here4) == std::vector<int>{AF_INET});
    CHECK(reached({&first, &second}, here6) == std::vector<int>{AF_INET6});
    const auto again = plan_of({{"a", {v6}}, {"b", {v4}}});
    const ListeningSockets::Binding third = sockets.bind(*again);
    CHECK(third.problem == "");
    CHECK(third.by_worker[0].empty());
    CHECK(again->listeners[0].addresses.size() == 1);
    CHECK(address(*again, 1) == v4);
  }
}

TEST_CASE("listening sockets: who may connect to a path that stays is said anew") {
  const std::string path = "/tmp/outrider-access." + std::to_string(::getpid());
  const std::string other = path + ".other";
  const auto mode_of = [](const std::string& of) {
    struct stat status {};
    CHECK(::stat(of.c_str(), &status) == 0);
    return status.st_mode & 0777;
  };
  ListeningSockets sockets;
  const auto bind = [&](const std::vector<Wanted>& wanted) {
    return sockets.bind(*plan_of(wanted));
  };
  const ListeningSockets::Binding bound =
      bind({{"a", {"unix:" + other}, 0600}, {"b", {"unix:" + path}, 0600}});
  REQUIRE(bound.problem == "");
  CHECK(mode_of(path) == 0600);
  REQUIRE(std::rename(path.c_str(), (path + ".aside").c_str()) == 0);
  CHECK(bind({{"a", {"unix:" + other}, 0666}, {"b", {"unix:" + path}, 0666}})
            .problem.find("listener b: cannot set the mode of unix:" + path) != std::string::npos);
  REQUIRE(std::rename((path + ".aside").c_str(), path.c_str()) == 0);
  CHECK(mode_of(other) == 0600);
  CHECK(mode_of(path) == 0600);
  const std::string me = std::to_string(::geteuid());
  CHECK(bind({{"renamed", {"unix:" + path, "unix:" + other}, 0640, me}}).problem == "");
  CHECK(mode_of(other) == 0640);
  CHECK(mode_of(path) == 0640);
}

TEST_CASE("listening sockets: one beside those that were inherited takes nobody before it is opened") {
  const auto is_open = [](const base::Descriptor& socket) {
    int accepts = 0;
    socklen_t size = sizeof accepts;
    ::getsockopt(socket.number(), SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size);
    return accepts != 0;
  };
  auto descriptors = net::listen_on(*Address::parse("127.0.0.1:0"), 1);
  REQUIRE(descriptors);
  const Address bound = Address::local_of(descriptors->front().number());
  std::vector<server::InheritedSocket> inherited;
  inherited.push_back({"a", bound, bound, false, false, std::move(*descriptors)});
  ListeningSockets sockets;
  sockets.inherit(std::move(inherited));
  const ListeningSockets::Binding taken = sockets.bind(*plan_of({{"a", {bound.to_string()}}}));
  REQUIRE(taken.problem == "");
  REQUIRE(taken.by_worker.size() == 2);
  const base::Descriptor& beside = taken.by_worker[1][0].descriptor;
  CHECK(is_open(taken.by_worker[0][0].descriptor));
  CHECK_FALSE(is_open(beside));
  CHECK(net::open(beside.number()).ok());
  CHECK(is_open(beside));
}

TEST_CASE("listening sockets: what cannot be bound changes nothing, and nothing stays bound") {
  const auto foreign = net::listen_on(*Address::parse("127.0.0.1:0"), 1);
  REQUIRE(foreign);
  const std::string taken = Address::local_of(foreign->front().number()).to_string();
  ListeningSockets sockets;
  const auto first = plan_of({{"a", {"127.0.0.1:0"}}});
  const ListeningSockets::Binding bound = sockets.bind(*first);
  const auto second = plan_of({{"fresh", {"127.0.0.1:0", "127.0.0.1:0"}}, {"x", {taken}}});
  std::vector<std::string> midway;
  {
    const ListeningSockets::Binding failed = sockets.bind(*second);
    CHECK(failed.problem.starts_with("listener x: cannot bind " + taken));
    for (const server::NewSocket& socket : failed.by_worker[0])
      midway.push_back(socket.address.to_string());
    REQUIRE(!midway.empty());
    CHECK(!is_free(midway[0]));
  }
  for (const std::string& where : midway) CHECK(is_free(where));
  const auto third = plan_of({{"a", {"127.0.0.1:0"}}});
  CHECK(sockets.bind(*third).by_worker[0].empty());
  CHECK(address(*third, 0) == address(*first, 0));
}

}  // namespace
