#include "proxy/net/datagrams.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>

namespace net {
namespace {

constexpr std::size_t batch = 16;  // datagrams in one call of the system
constexpr int most_batches = 8;    // before others have their turn
constexpr std::size_t longest = 64 * 1024;
constexpr std::size_t most_held = 1024 * 1024;  // to be sent, when the kernel takes no more

boost::system::error_code system_error(int number) {
  return {number, boost::system::system_category()};
}

// Beside a datagram: which address of this host it was sent to, or is to leave from.
union Control {
  cmsghdr aligned;
  std::array<char, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
};

// Whether the socket is bound to all addresses: then each datagram comes with the one that was meant.
bool tells_whom(int descriptor) {
  const base::Address bound = base::Address::local_of(descriptor);
  const bool is_ipv4 = bound.family() == AF_INET;
  const auto any = base::Address::parse_ip(is_ipv4 ? "0.0.0.0" : "::", bound.port());
  if (bound != *any) return false;
  const int on = 1;
  return ::setsockopt(descriptor, is_ipv4 ? IPPROTO_IP : IPPROTO_IPV6,
                      is_ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof on) == 0;
}

base::Address asked_of(msghdr& message) {
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level == IPPROTO_IP && each->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(each), sizeof info);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr = info.ipi_spec_dst;
      return base::Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    if (each->cmsg_level == IPPROTO_IPV6 && each->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(each), sizeof info);
      if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr)) return {};  // nobody answers from there
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = info.ipi6_addr;
      if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) address.sin6_scope_id = info.ipi6_ifindex;
      return base::Address::from(reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
  }
  return {};
}

template <typename Info>
void put(const Info& info, int level, int type, msghdr& message, Control& control) {
  message.msg_control = &control;
  message.msg_controllen = CMSG_SPACE(sizeof info);
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = level;
  header->cmsg_type = type;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

// is_ipv4: the socket is IPv4's.
void leave_from(const base::Address& from, bool is_ipv4, msghdr& message, Control& control) {
  if (is_ipv4) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, from.bytes() + 12, sizeof info.ipi_spec_dst);
    return put(info, IPPROTO_IP, IP_PKTINFO, message, control);
  }
  in6_pktinfo info{};
  std::memcpy(&info.ipi6_addr, from.bytes(), sizeof info.ipi6_addr);
  if (from.family() == AF_INET6) {
    const base::Address::Socket address = from.socket();
    info.ipi6_ifindex = reinterpret_cast<const sockaddr_in6*>(address.get())->sin6_scope_id;
  }
  put(info, IPPROTO_IPV6, IPV6_PKTINFO, message, control);
}

// Where a thread's datagrams are received; only what was used of it ever costs memory.
struct DatagramRoom {
  std::array<std::array<char, longest>, batch> bytes;
  std::array<sockaddr_storage, batch> sources;
  std::array<iovec, batch> parts;
  std::array<mmsghdr, batch> messages;
  std::array<Control, batch> controls;

  DatagramRoom() {
    for (std::size_t i = 0; i < batch; ++i) parts[i] = {bytes[i].data(), bytes[i].size()};
  }
  static DatagramRoom& of_this_thread() {
    thread_local const std::unique_ptr<DatagramRoom> room(new DatagramRoom);
    return *room;
  }
};

}  // namespace

bool is_of_datagrams(int descriptor) {
  int type = 0;
  socklen_t size = sizeof type;
  return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

// --- bound ---

BoundDatagrams::BoundDatagrams(base::EventLoop& loop, base::Descriptor descriptor, Owner& owner)
    : loop_(loop),
      descriptor_(std::move(descriptor)),
      owner_(owner),
      slot_(loop.poller().add(descriptor_.number(), *this)),
      is_ipv4_(base::Address::local_of(descriptor_.number()).family() == AF_INET),
      is_of_all_(tells_whom(descriptor_.number())),
      readable_(loop),
      tasks_(loop) {
  tasks_.spawn(run()).release();
}

BoundDatagrams::~BoundDatagrams() {
  close();
}

void BoundDatagrams::close() {
  tasks_.cancel_all();
  if (slot_ >= 0) loop_.poller().remove(slot_, descriptor_.number());
  slot_ = -1;
  Flushable::unlink();
  descriptor_.reset();
}

void BoundDatagrams::on_events(std::uint32_t events) {
  if (events & (EPOLLIN | EPOLLERR)) readable_.set();
  if ((events & EPOLLOUT) && !outgoing_.empty()) loop_.flush_later(*this);
}

Task<> BoundDatagrams::run() {
  for (;;) {
    co_await readable_.wait();
    for (int batches = 0;;) {
      const std::size_t count = receive_batch();
      if (count < batch) break;
      if (++batches % most_batches == 0) co_await loop_.yield();
    }
  }
}

// A batch that is not full has emptied the socket. What the network reports of one that was sent is
// read away by the next call.
std::size_t BoundDatagrams::receive_batch() {
  DatagramRoom& room = DatagramRoom::of_this_thread();
  for (std::size_t i = 0; i < batch; ++i) {
    room.messages[i] = {};
    room.messages[i].msg_hdr.msg_name = &room.sources[i];
    room.messages[i].msg_hdr.msg_namelen = sizeof room.sources[i];
    room.messages[i].msg_hdr.msg_iov = &room.parts[i];
    room.messages[i].msg_hdr.msg_iovlen = 1;
    if (!is_of_all_) continue;
    room.messages[i].msg_hdr.msg_control = &room.controls[i];
    room.messages[i].msg_hdr.msg_controllen = sizeof room.controls[i];
  }
  const int got =
      ::recvmmsg(descriptor_.number(), room.messages.data(), batch, MSG_DONTWAIT, nullptr);
  if (got < 0) return errno == EAGAIN ? 0 : errno == EINTR || errno == ECONNREFUSED ? batch : 0;
  const auto count = static_cast<std::size_t>(got);
  for (std::size_t i = 0; i < count; ++i) {
    msghdr& header = room.messages[i].msg_hdr;
    owner_.on_datagram(base::Address::from(reinterpret_cast<const sockaddr*>(&room.sources[i]),
                                           header.msg_namelen),
                       is_of_all_ ? asked_of(header) : base::Address(),
                       {room.bytes[i].data(), room.messages[i].msg_len});
  }
  return count;
}

void BoundDatagrams::send(const base::Address& to, const base::Address& from, Bytes bytes) {
  if (!descriptor_ || held_ + bytes.size() > most_held) {
    ++dropped_;
    return;
  }
  held_ += bytes.size();
  outgoing_.push_back({to, from, std::move(bytes)});
  loop_.flush_later(*this);
}

void BoundDatagrams::flush() {
  while (first_ < outgoing_.size())
    if (send_batch() == 0) break;
  if (first_ < outgoing_.size()) {
    for (std::size_t i = first_; i < outgoing_.size(); ++i) outgoing_[i].bytes.compact();
    return;
  }
  outgoing_.clear();
  first_ = 0;
}

// How many are done with; 0 = the kernel takes no more. One that cannot be sent is none of the
// others' trouble.
std::size_t BoundDatagrams::send_batch() {
  std::array<mmsghdr, batch> messages{};
  std::array<iovec, batch> parts{};
  std::array<base::Address::Socket, batch> to;
  std::array<Control, batch> controls{};
  const std::size_t count = std::min(batch, outgoing_.size() - first_);
  for (std::size_t i = 0; i < count; ++i) {
    const Outgoing& each = outgoing_[first_ + i];
    to[i] = each.to.socket();
    parts[i] = {const_cast<char*>(each.bytes.data()), each.bytes.size()};
    messages[i].msg_hdr.msg_name = &to[i].storage;
    messages[i].msg_hdr.msg_namelen = to[i].size;
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    if (!each.from.is_none())
      leave_from(each.from, is_ipv4_, messages[i].msg_hdr, controls[i]);
  }
  const int sent = ::sendmmsg(descriptor_.number(), messages.data(), static_cast<unsigned>(count),
                              MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return 0;
  const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 1;
  if (sent <= 0) ++dropped_;
  for (std::size_t i = 0; i < done; ++i) {
    held_ -= outgoing_[first_].bytes.size();
    outgoing_[first_++].bytes = Bytes();
  }
  return done;
}

// --- connected ---

Result<std::unique_ptr<ConnectedDatagrams>> ConnectedDatagrams::to(base::EventLoop& loop,
                                                                   const base::Address& address) {
  base::Descriptor made(::socket(address.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const base::Address::Socket to = address.socket();
  if (made && ::connect(made.number(), to.get(), to.size) == 0)
    return std::make_unique<ConnectedDatagrams>(loop, std::move(made));
  Error error{base::Reason::connect_failure, base::Fault::upstream, "no socket for datagrams",
              system_error(errno)};
  error.unsent = true;
  return error;
}

ConnectedDatagrams::ConnectedDatagrams(base::EventLoop& loop, base::Descriptor descriptor)
    : loop_(loop),
      descriptor_(std::move(descriptor)),
      slot_(loop.poller().add(descriptor_.number(), *this)),
      readable_(loop) {}

ConnectedDatagrams::~ConnectedDatagrams() {
  if (slot_ >= 0) loop_.poller().remove(slot_, descriptor_.number());
}

void ConnectedDatagrams::on_events(std::uint32_t events) {
  if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) readable_.set();
}

boost::system::error_code ConnectedDatagrams::send(std::string_view datagram) {
  const ssize_t sent =
      ::send(descriptor_.number(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ECONNREFUSED) return {};
  return system_error(ECONNREFUSED);
}

Input ConnectedDatagrams::read_now() {
  base::ReadBlock& block = base::ReadBlock::of_this_thread();
  char* const room = block.prepare();
  const ssize_t got = ::recv(descriptor_.number(), room, longest, MSG_DONTWAIT);
  if (got >= 0) return {Input::State::data, block.commit(static_cast<std::size_t>(got)), {}};
  if (errno == EAGAIN || errno == EINTR) return {};
  return {Input::State::failed, {}, system_error(errno)};
}

}  // namespace net
