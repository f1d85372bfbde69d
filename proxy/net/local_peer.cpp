#include "proxy/net/local_peer.hpp"

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>

namespace net {
namespace {

struct DiagQuestion {
  nlmsghdr head{};
  inet_diag_req_v2 asked{};
};

void put(const base::Address& address, __be16& port, __be32 (&to)[4]) {
  port = htons(address.port());
  const std::uint8_t* bytes = address.bytes();
  if (address.family() == AF_INET) bytes += 12;
  std::memcpy(to, bytes, address.family() == AF_INET ? 4 : 16);
}

// About the very socket of those two addresses.
DiagQuestion about(const base::Address& source, const base::Address& destination) {
  DiagQuestion question;
  question.head.nlmsg_len = sizeof question;
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.asked.sdiag_family = static_cast<std::uint8_t>(source.family());
  question.asked.sdiag_protocol = IPPROTO_TCP;
  question.asked.idiag_states = ~0U;
  inet_diag_sockid& id = question.asked.id;
  put(source, id.idiag_sport, id.idiag_src);
  put(destination, id.idiag_dport, id.idiag_dst);
  id.idiag_cookie[0] = id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  return question;
}

// A kernel that cannot say looks for a module each time it is asked.
std::atomic<bool> can_say{true};

// None: there is no such socket here, or the kernel does not say.
std::optional<inet_diag_msg> ask(const DiagQuestion& question) {
  const base::Descriptor kernel(
      ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG));
  if (!kernel) return std::nullopt;
  if (::send(kernel.number(), &question, sizeof question, 0) < 0) return std::nullopt;
  alignas(nlmsghdr) std::array<char, 1024> room;
  const ssize_t got = ::recv(kernel.number(), room.data(), room.size(), 0);
  if (got < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(nlmsgerr)))) return std::nullopt;
  const auto* head = reinterpret_cast<const nlmsghdr*>(room.data());
  if (head->nlmsg_type == NLMSG_ERROR) {
    nlmsgerr why;
    std::memcpy(&why, NLMSG_DATA(head), sizeof why);
    if (why.error != -ENOENT) can_say = false;
    return std::nullopt;
  }
  const bool is_answer = head->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
                         got >= static_cast<ssize_t>(NLMSG_LENGTH(sizeof(inet_diag_msg)));
  if (!is_answer) return std::nullopt;
  inet_diag_msg found;
  std::memcpy(&found, NLMSG_DATA(head), sizeof found);
  return found;
}

base::Address peer_of(int descriptor) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (::getpeername(descriptor, address, &size) != 0) return {};
  return base::Address::from(address, size);
}

bool is_of_same_host(const base::Address& peer, const base::Address& own) {
  return peer.is_ip() && peer.family() == own.family() &&
         std::memcmp(peer.bytes(), own.bytes(), 16) == 0;
}

}  // namespace

// A socket that no process has any more has no inode. One that listens at the peer's port may be found in
// its place, and has one.
bool has_closed_here(int descriptor) {
  if (!can_say) return false;
  const base::Address peer = peer_of(descriptor);
  const base::Address own = base::Address::local_of(descriptor);
  if (!is_of_same_host(peer, own)) return false;
  const std::optional<inet_diag_msg> found = ask(about(peer, own));
  return found && found->idiag_inode == 0;
}

}  // namespace net
