#include "tests/harness/origin.hpp"

#include "proxy/base/descriptor.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>
#include <system_error>

namespace harness {
namespace {

int listening_socket(const base::Address& at) {
  const int descriptor = ::socket(at.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  const base::Address::Socket socket = at.socket();
  if (::bind(descriptor, socket.get(), socket.size) != 0 || ::listen(descriptor, 4096) != 0)
    throw std::system_error(errno, std::generic_category(), "origin");
  return descriptor;
}

std::string ok(std::string_view body) {
  return "HTTP/1.1 200 OK\r\ncontent-length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

}  // namespace

base::Address unused_address() {
  const int descriptor = listening_socket(*base::Address::parse("127.0.0.1:0"));
  const base::Address address = base::Address::local_of(descriptor);
  ::close(descriptor);
  return address;
}

base::Address refusing_address() {
  static const base::Descriptor held = [] {
    base::Descriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const base::Address::Socket any = base::Address::parse("127.0.0.1:0")->socket();
    if (::bind(bound.number(), any.get(), any.size) != 0) throw std::runtime_error("bind");
    return bound;
  }();
  return base::Address::local_of(held.number());
}

Origin::Origin(Script script, const base::Address& at)
    : script_(std::move(script)),
      listening_(listening_socket(at)),
      address_(base::Address::local_of(listening_)),
      acceptor_([this] { accept(); }) {}

Origin::~Origin() {
  is_ending_ = true;
  ::shutdown(listening_, SHUT_RDWR);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    for (Peer& peer : peers_)
      if (peer.socket.is_open()) ::shutdown(peer.socket.descriptor(), SHUT_RDWR);
  }
  for (Peer& peer : peers_) peer.thread.join();
  ::close(listening_);
}

void Origin::accept() {
  for (;;) {
    const int descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (descriptor < 0 || is_ending_) {
      if (descriptor >= 0) ::close(descriptor);
      return;
    }
    ++connections_;
    const int one = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const std::lock_guard lock(mutex_);
    join_those_that_ended();
    Peer& peer = peers_.emplace_back();
    peer.socket = Socket(descriptor);
    peer.thread = std::thread([this, &peer] {
      try {
        script_(peer.socket);
      } catch (const Silence&) {
      }
      const std::lock_guard closing(mutex_);
      peer.socket.close();
      peer.has_ended = true;
    });
  }
}

void Origin::join_those_that_ended() {
  for (auto peer = peers_.begin(); peer != peers_.end();) {
    if (!peer->has_ended) {
      ++peer;
      continue;
    }
    peer->thread.join();
    peer = peers_.erase(peer);
  }
}

Origin::Script Origin::answering(std::string body) {
  return [answer = ok(body)](Socket& peer) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      bool is_whole = false;
      peer.read_body(head, is_whole);
      if (!is_whole || !peer.send(answer)) return;
    }
  };
}

Origin::Script Origin::echo() {
  return [](Socket& peer) {
    for (;;) {
      const std::string head = peer.read_head();
      if (head.empty()) return;
      bool is_whole = false;
      const std::string body = peer.read_body(head, is_whole);
      if (!is_whole || !peer.send(ok(body))) return;
    }
  };
}

}  // namespace harness
