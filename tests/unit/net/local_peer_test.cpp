#include "proxy/net/local_peer.hpp"

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"

#include <doctest/doctest.h>

#include <array>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

namespace {

using base::Address;
using base::Descriptor;

// Whether this process may ask about sockets at all: of all that listen, the answer begins with one or
// with the end of the list.
bool kernel_tells(int family) {
  struct {
    nlmsghdr head{};
    inet_diag_req_v2 asked{};
  } question;
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  question.asked.sdiag_family = static_cast<std::uint8_t>(family);
  question.asked.sdiag_protocol = IPPROTO_TCP;
  question.asked.idiag_states = 1U << 10;
  const Descriptor kernel(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  if (!kernel || ::send(kernel.number(), &question, sizeof question, 0) < 0) return false;
  alignas(nlmsghdr) std::array<char, 32 * 1024> room;
  const ssize_t got = ::recv(kernel.number(), room.data(), room.size(), 0);
  const auto* head = reinterpret_cast<const nlmsghdr*>(room.data());
  return got >= static_cast<ssize_t>(sizeof *head) && head->nlmsg_type != NLMSG_ERROR;
}

Descriptor bound_to(const std::string& place) {
  const Address address = *Address::parse(place);
  Descriptor made(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!made) return made;
  const Address::Socket socket = address.socket();
  if (::bind(made.number(), socket.get(), socket.size) != 0) made.reset();
  return made;
}

// Of one machine both: `own` took the connection that `peer` made.
struct Pair {
  explicit Pair(const std::string& at) : Pair(at, at) {}
  Pair(const std::string& at, const std::string& from) {
    const Descriptor listening = bound_to(at);
    peer = bound_to(from);
    if (!listening || !peer) return;
    REQUIRE(::listen(listening.number(), 1) == 0);
    const Address::Socket to = Address::local_of(listening.number()).socket();
    REQUIRE(::connect(peer.number(), to.get(), to.size) == 0);
    own = Descriptor(::accept4(listening.number(), nullptr, nullptr, SOCK_CLOEXEC));
    REQUIRE(own);
  }
  // What the peer says last has come.
  bool hears_the_end() const {
    char byte = 0;
    return ::recv(own.number(), &byte, 1, 0) == 0;
  }
  bool has_closed() const { return net::has_closed_here(own.number()); }

  Descriptor peer, own;
};

TEST_CASE("local peer: one that only sends no more is told from one that has closed") {
  for (const char* at : {"127.0.0.1:0", "[::1]:0"}) {
    CAPTURE(at);
    if (!kernel_tells(Address::parse(at)->family())) {
      MESSAGE("the kernel does not say here who has closed");
      continue;
    }
    Pair pair(at);
    if (!pair.own) {
      MESSAGE("no IPv6 here");
      continue;
    }
    CHECK_FALSE(pair.has_closed());
    REQUIRE(::shutdown(pair.peer.number(), SHUT_WR) == 0);
    REQUIRE(pair.hears_the_end());
    CHECK_FALSE(pair.has_closed());
    pair.peer.reset();
    CHECK(pair.has_closed());
  }
}

TEST_CASE("local peer: one of which somebody still has a copy is open") {
  Pair pair("127.0.0.1:0");
  const Descriptor copy(::dup(pair.peer.number()));
  pair.peer.reset();
  CHECK_FALSE(pair.has_closed());
}

TEST_CASE("local peer: nothing is said of one at another address, or at none") {
  Pair elsewhere("127.0.0.1:0", "127.0.0.2:0");
  REQUIRE(elsewhere.own);
  elsewhere.peer.reset();
  REQUIRE(elsewhere.hears_the_end());
  CHECK_FALSE(elsewhere.has_closed());

  int both[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both) == 0);
  const Descriptor own(both[0]);
  Descriptor(both[1]).reset();
  CHECK_FALSE(net::has_closed_here(own.number()));
}

TEST_CASE("local peer: of a connection that is over, or was never one, nothing is said") {
  Pair pair("127.0.0.1:0");
  const linger at_once{1, 0};
  REQUIRE(::setsockopt(pair.peer.number(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
  pair.peer.reset();  // a RST
  CHECK_FALSE(pair.hears_the_end());
  CHECK_FALSE(pair.has_closed());
  CHECK_FALSE(net::has_closed_here(bound_to("127.0.0.1:0").number()));
}

}  // namespace
