// Where a socket is bound or connected: IPv4, IPv6 or a Unix path. A value, any thread.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

class Address {
 public:
  Address() = default;  // none

  // "1.2.3.4:80", "[::1]:80", "unix:/path" (at most 107 bytes). Names are not resolved.
  static std::optional<Address> parse(std::string_view text);
  // "1.2.3.4" or "::1", no brackets.
  static std::optional<Address> parse_ip(std::string_view text, std::uint16_t port);
  static Address from(const sockaddr* address, socklen_t size);
  static Address local_of(int descriptor);

  bool is_none() const { return family_ == AF_UNSPEC; }
  bool is_unix() const { return family_ == AF_UNIX; }
  bool is_ip() const { return family_ == AF_INET || family_ == AF_INET6; }
  bool is_loopback() const;  // 127/8, ::1
  int family() const { return family_; }
  std::uint16_t port() const { return port_; }
  Address with_port(std::uint16_t port) const;
  const std::string& path() const { return path_; }  // of a Unix socket

  std::string to_string() const;  // as parse() takes it; "" for none
  std::string ip() const;         // without the port; "" for Unix
  // 16 bytes in network order; IPv4 as ::ffff:a.b.c.d.
  const std::uint8_t* bytes() const { return ip_; }

  struct Socket {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  };
  Socket socket() const;

  friend bool operator==(const Address&, const Address&) = default;
  friend auto operator<=>(const Address&, const Address&) = default;

 private:
  int family_ = AF_UNSPEC;
  std::uint16_t port_ = 0;
  std::uint32_t scope_ = 0;
  std::uint8_t ip_[16] = {};
  std::string path_;
};

// A block of addresses: "10.0.0.0/8", "::1". A plain address is a block of one.
class AddressRange {
 public:
  static std::optional<AddressRange> parse(std::string_view text);
  bool contains(const Address& address) const;

 private:
  std::uint8_t ip_[16] = {};
  int prefix_ = 128;  // bits, of the 16-byte form
};

}  // namespace base
