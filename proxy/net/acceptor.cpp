#include "proxy/net/acceptor.hpp"

#include "proxy/base/system_cause.hpp"
#include "proxy/net/datagrams.hpp"
#include "proxy/net/exhaustion.hpp"
#include "proxy/net/tcp_options.hpp"

#include <atomic>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

namespace net {
namespace {

constexpr int backlog = 4096;
constexpr int accepts_a_turn = 16;
constexpr base::Millis pause_when_exhausted{100};

std::atomic<std::uint64_t> in_vain{0};

base::Error bind_failure(std::string_view what) {
  return {base::Reason::internal, base::Fault::proxy, what, base::system_cause()};
}

// Of UDP an address that may be used again is one that anybody may share.
void set_address_options(int descriptor, const base::Address& address,
                         const ListenOptions& options) {
  const int one = 1;
  const int is_ipv6_only = options.takes_ipv4 ? 0 : 1;
  if (!options.is_of_datagrams) setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (address.family() == AF_INET6)
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &is_ipv6_only, sizeof is_ipv6_only);
}

// One address of IP bound, its port shared, and open if it is to be; or none and errno.
base::Descriptor listening_socket(const base::Address& address, const ListenOptions& options) {
  const int type = options.is_of_datagrams ? SOCK_DGRAM : SOCK_STREAM;
  base::Descriptor made(::socket(address.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made) return made;
  const int one = 1;
  const bool is_opened = options.opens && !options.is_of_datagrams;
  if (!options.is_of_datagrams) set_tcp_options(made.number());
  setsockopt(made.number(), SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
  set_address_options(made.number(), address, options);
  const base::Address::Socket socket = address.socket();
  if (::bind(made.number(), socket.get(), socket.size) != 0 ||
      (is_opened && ::listen(made.number(), backlog) != 0))
    made.reset();
  return made;
}

// Whether the port is free: bound without sharing, and given back.
bool is_free(const base::Address& address, const ListenOptions& options) {
  const int type = options.is_of_datagrams ? SOCK_DGRAM : SOCK_STREAM;
  const base::Descriptor probe(::socket(address.family(), type | SOCK_CLOEXEC, 0));
  if (!probe) return false;
  set_address_options(probe.number(), address, options);
  const base::Address::Socket socket = address.socket();
  return ::bind(probe.number(), socket.get(), socket.size) == 0;
}

}  // namespace

base::Result<std::vector<base::Descriptor>> listen_on(const base::Address& address, int workers,
                                                      const ListenOptions& options) {
  std::vector<base::Descriptor> descriptors;
  if (address.is_unix()) {
    base::Result<base::Descriptor> first =
        listen_on_path(address, options.access, options.opens ? backlog : 0);
    if (!first) return first.error();
    descriptors.push_back(std::move(*first));
    while (static_cast<int>(descriptors.size()) < workers) {
      base::Result<base::Descriptor> more = share(descriptors.front());
      if (!more) return more.error();
      descriptors.push_back(std::move(*more));
    }
    return descriptors;
  }
  const bool is_chosen = address.port() != 0 && !options.shares_port;
  if (is_chosen && !is_free(address, options)) return bind_failure("cannot bind");
  base::Address bound = address;
  for (int i = 0; i < workers; ++i) {
    descriptors.push_back(listening_socket(bound, options));
    if (!descriptors.back()) return bind_failure("cannot bind");
    bound = base::Address::local_of(descriptors.back().number());
  }
  return descriptors;
}

base::Result<base::Descriptor> share(const base::Descriptor& listening) {
  base::Descriptor made = base::duplicate_of(listening);
  if (!made) return bind_failure("cannot share the socket");
  return base::Result<base::Descriptor>(std::move(made));
}

bool takes_ipv4(const base::Address& bound, const base::Descriptor& listening) {
  int is_ipv6_only = 1;
  socklen_t size = sizeof is_ipv6_only;
  ::getsockopt(listening.number(), IPPROTO_IPV6, IPV6_V6ONLY, &is_ipv6_only, &size);
  return is_ipv6_only == 0 && bound == *base::Address::parse_ip("::", bound.port());
}

base::Result<base::Descriptor> listen_beside(const base::Address& bound,
                                             const ListenOptions& options) {
  base::Descriptor made = listening_socket(bound, options);
  if (!made) return bind_failure("cannot bind");
  return base::Result<base::Descriptor>(std::move(made));
}

base::Result<void> open(int bound) {
  int is_open = 0;
  socklen_t size = sizeof is_open;
  ::getsockopt(bound, SOL_SOCKET, SO_ACCEPTCONN, &is_open, &size);
  if (is_open == 0 && !is_of_datagrams(bound) && ::listen(bound, backlog) != 0)
    return bind_failure("cannot listen on");
  return {};
}

Acceptor::Acceptor(base::EventLoop& loop, base::Descriptor descriptor,
                   std::shared_ptr<UnixPath> path, Owner& owner)
    : loop_(loop),
      descriptor_(std::move(descriptor)),
      path_(std::move(path)),
      owner_(owner),
      reserve_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  resume();
}

Acceptor::~Acceptor() {
  stop_watching();
}

void Acceptor::pause() {
  is_paused_ = true;
  stop_watching();
}

// Level-triggered: what one turn leaves is told again in the next. Exclusive, as other workers may
// watch the same socket, and for a moment another process.
void Acceptor::resume() {
  is_paused_ = false;
  if (slot_ >= 0 || !descriptor_) return;
  slot_ = loop_.poller().add(descriptor_.number(), *this, EPOLLIN | EPOLLEXCLUSIVE);
  if (slot_ < 0) loop_.arm(*this, loop_.now() + pause_when_exhausted);
}

void Acceptor::stop_watching() {
  if (slot_ >= 0) loop_.poller().remove(slot_, descriptor_.number());
  slot_ = -1;
  cancel();
}

void Acceptor::close() {
  path_.reset();
  for (int i = 0; i < backlog && descriptor_; ++i)  // more may come without end
    if (!accept_one()) break;
  stop_watching();
  descriptor_.reset();
}

void Acceptor::on_events(std::uint32_t) {
  accept_some();
}

void Acceptor::expired() {
  if (!is_paused_) resume();
}

void Acceptor::accept_some() {
  for (int i = 0; i < accepts_a_turn && slot_ >= 0; ++i)
    if (!accept_one()) return;
}

bool Acceptor::accept_one() {
  base::Address::Socket peer;
  peer.size = sizeof peer.storage;
  auto* raw = reinterpret_cast<sockaddr*>(&peer.storage);
  const int descriptor =
      ::accept4(descriptor_.number(), raw, &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor >= 0) {
    owner_.on_accept(descriptor, base::Address::from(raw, peer.size));
    return true;
  }
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    in_vain.fetch_add(1, std::memory_order_relaxed);
    if (owner_.free_descriptor()) return true;
    survive_exhaustion();
    return false;
  }
  return errno == ECONNABORTED || errno == EINTR;
}

std::uint64_t accepts_in_vain() {
  return in_vain.load(std::memory_order_relaxed);
}

// The first in the queue is turned away with the reserve, so that it does not wait in vain.
void Acceptor::survive_exhaustion() {
  if (reserve_) {
    reserve_.reset();
    base::Descriptor(::accept4(descriptor_.number(), nullptr, nullptr, SOCK_CLOEXEC)).reset();
    reserve_.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  }
  stop_watching();
  loop_.arm(*this, loop_.now() + pause_when_exhausted);
}

}  // namespace net
