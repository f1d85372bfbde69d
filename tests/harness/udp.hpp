// Sockets of UDP: a client's, and a server that echoes. One thread each.
#pragma once

#include "proxy/base/address.hpp"

#include <atomic>
#include <doctest/doctest.h>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace harness {

// A socket of UDP that waits ten seconds at most.
class Udp {
 public:
  // Bound to a port of 127.0.0.1, or there, and connected if there is a peer.
  explicit Udp(const base::Address& peer = {},
               const base::Address& at = *base::Address::parse("127.0.0.1:0"))
      : descriptor_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const base::Address::Socket own = at.socket();
    REQUIRE(::bind(descriptor_, own.get(), own.size) == 0);
    if (peer.is_none()) return;
    const base::Address::Socket to = peer.socket();
    REQUIRE(::connect(descriptor_, to.get(), to.size) == 0);
  }
  Udp(const Udp&) = delete;
  Udp& operator=(const Udp&) = delete;
  ~Udp() { ::close(descriptor_); }

  base::Address address() const { return base::Address::local_of(descriptor_); }
  void send(std::string_view datagram) const {
    (void)::send(descriptor_, datagram.data(), datagram.size(), MSG_NOSIGNAL);
  }
  void send_to(const base::Address& to, std::string_view datagram) const {
    const base::Address::Socket address = to.socket();
    (void)::sendto(descriptor_, datagram.data(), datagram.size(), 0, address.get(), address.size);
  }
  // None: nothing came.
  std::optional<std::string> receive(int milliseconds = 10'000,
                                     base::Address* source = nullptr) const {
    pollfd watched{descriptor_, POLLIN, 0};
    if (::poll(&watched, 1, milliseconds) <= 0) return std::nullopt;
    std::string room(65536, '\0');
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(descriptor_, room.data(), room.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) return std::nullopt;
    if (source) *source = base::Address::from(reinterpret_cast<sockaddr*>(&from), size);
    room.resize(static_cast<std::size_t>(got));
    return room;
  }
  std::string ask(std::string_view datagram) const {
    send(datagram);
    return receive().value_or("(nothing)");
  }

 private:
  int descriptor_;
};

// Answers each datagram with who sent it and what it holds.
class UdpEcho {
 public:
  UdpEcho() : thread_([this] { run(); }) {}
  UdpEcho(const UdpEcho&) = delete;
  UdpEcho& operator=(const UdpEcho&) = delete;
  ~UdpEcho() {
    is_ending_ = true;
    thread_.join();
  }
  std::string address() const { return socket_.address().to_string(); }

 private:
  void run() {
    while (!is_ending_) {
      base::Address source;
      const std::optional<std::string> datagram = socket_.receive(20, &source);
      if (datagram) socket_.send_to(source, std::to_string(source.port()) + " " + *datagram);
    }
  }

  Udp socket_;
  std::atomic<bool> is_ending_{false};
  std::thread thread_;
};

}  // namespace harness
