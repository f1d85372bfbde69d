// An upstream inside the test's own thread: the test turns the loop under test until what it waits for
// has happened, and says each byte that goes back.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/address.hpp"
#include "proxy/base/event_loop.hpp"

namespace upstream_test {

// Turns the loop until `is_so()`, for five seconds at most.
template <typename Predicate>
bool turn_until(base::EventLoop& loop, Predicate is_so) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
  while (!is_so()) {
    if (base::Clock::now() > limit) return false;
    loop.turn(base::Millis{5});
  }
  return true;
}

// A frame of HTTP/2 (RFC 9113 4.1).
inline std::string frame(char type, char flags, std::uint32_t stream, std::string_view payload = {}) {
  std::string out;
  for (int shift = 16; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  out += type;
  out += flags;
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(stream >> shift);
  return out.append(payload);
}

class PeerConnection {
 public:
  PeerConnection() = default;
  PeerConnection(base::EventLoop& loop, int descriptor) : loop_(&loop), descriptor_(descriptor) {}
  PeerConnection(PeerConnection&& other) noexcept
      : loop_(other.loop_), descriptor_(std::exchange(other.descriptor_, -1)),
        unread_(std::move(other.unread_)) {}
  PeerConnection& operator=(PeerConnection&& other) noexcept {
    std::swap(loop_, other.loop_);
    std::swap(descriptor_, other.descriptor_);
    std::swap(unread_, other.unread_);
    return *this;
  }
  ~PeerConnection() { close(); }

  // Up to and with `mark`; shorter = the end came first.
  std::string read_until(std::string_view mark) {
    std::size_t at = 0;
    turn_until(*loop_, [&] {
      at = unread_.find(mark);
      return at != unread_.npos || !receive();
    });
    at = unread_.find(mark);
    const std::size_t size = at == unread_.npos ? unread_.size() : at + mark.size();
    std::string taken = unread_.substr(0, size);
    unread_.erase(0, size);
    return taken;
  }
  std::string read_head() { return read_until("\r\n\r\n"); }
  bool is_closed() {
    return turn_until(*loop_, [&] { return !receive(); });
  }

  void send(std::string_view text) {
    REQUIRE(::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void reset() {
    const linger at_once{1, 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
  }
  void close() {
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  }

 private:
  bool receive() {
    char room[4096];
    const ssize_t got = ::recv(descriptor_, room, sizeof room, MSG_DONTWAIT);
    if (got > 0) unread_.append(room, static_cast<std::size_t>(got));
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
  }

  base::EventLoop* loop_ = nullptr;
  int descriptor_ = -1;
  std::string unread_;
};

class Peer {
 public:
  explicit Peer(base::EventLoop& loop)
      : loop_(loop), listening_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    const base::Address::Socket any = base::Address::parse("127.0.0.1:0")->socket();
    REQUIRE(::bind(listening_, any.get(), any.size) == 0);
    REQUIRE(::listen(listening_, 64) == 0);
    address = base::Address::local_of(listening_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { stop(); }

  PeerConnection accept() {
    int descriptor = -1;
    REQUIRE(turn_until(loop_, [&] {
      descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK);
      return descriptor >= 0;
    }));
    return PeerConnection(loop_, descriptor);
  }
  bool has_visitor() {
    loop_.turn(base::Millis{1});
    const int descriptor = ::accept4(listening_, nullptr, nullptr, SOCK_NONBLOCK);
    if (descriptor >= 0) ::close(descriptor);
    return descriptor >= 0;
  }
  void stop() {
    if (listening_ >= 0) ::close(std::exchange(listening_, -1));
  }

  base::Address address;

 private:
  base::EventLoop& loop_;
  int listening_;
};

}  // namespace upstream_test
