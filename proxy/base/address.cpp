#include "proxy/base/address.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "proxy/base/ascii.hpp"

namespace base {
namespace {

constexpr std::uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::string_view unix_prefix = "unix:";

// An IPv4 address. Written for each request that is forwarded: inet_ntop goes through printf.
std::string dotted(const std::uint8_t* bytes) {
  std::array<char, INET_ADDRSTRLEN> text;
  char* end = text.data();
  for (int i = 0; i < 4; ++i) {
    if (i > 0) *end++ = '.';
    end = std::to_chars(end, text.data() + text.size(), bytes[i]).ptr;
  }
  return {text.data(), end};
}

}  // namespace

std::optional<Address> Address::parse_ip(std::string_view text, std::uint16_t port) {
  if (text.size() >= INET6_ADDRSTRLEN || text.find('\0') != text.npos) return std::nullopt;
  char copy[INET6_ADDRSTRLEN] = {};
  text.copy(copy, text.size());
  Address address;
  address.port_ = port;
  in_addr v4{};
  if (inet_pton(AF_INET, copy, &v4) == 1) {
    address.family_ = AF_INET;
    std::memcpy(address.ip_, mapped_prefix, sizeof mapped_prefix);
    std::memcpy(address.ip_ + 12, &v4, 4);
    return address;
  }
  if (inet_pton(AF_INET6, copy, address.ip_) != 1) return std::nullopt;
  address.family_ = AF_INET6;
  return address;
}

std::optional<Address> Address::parse(std::string_view text) {
  if (text.starts_with(unix_prefix)) {
    Address address;
    address.family_ = AF_UNIX;
    address.path_ = text.substr(unix_prefix.size());
    if (address.path_.empty() || address.path_.size() >= sizeof(sockaddr_un::sun_path))
      return std::nullopt;
    return address;
  }
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return std::nullopt;
  const auto port = parse_decimal<std::uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const auto address = parse_ip(host, *port);
  if (!address || is_bracketed != (address->family_ == AF_INET6)) return std::nullopt;
  return address;
}

Address Address::from(const sockaddr* socket, socklen_t size) {
  Address address;
  if (socket->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, socket, sizeof v4);
    address.family_ = AF_INET;
    address.port_ = ntohs(v4.sin_port);
    std::memcpy(address.ip_, mapped_prefix, sizeof mapped_prefix);
    std::memcpy(address.ip_ + 12, &v4.sin_addr, 4);
  } else if (socket->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, socket, sizeof v6);
    address.family_ = AF_INET6;
    address.port_ = ntohs(v6.sin6_port);
    address.scope_ = v6.sin6_scope_id;
    std::memcpy(address.ip_, &v6.sin6_addr, 16);
    // A client of IPv4 on a socket of both: IPv4, as it is written and matched.
    const bool is_mapped = std::memcmp(address.ip_, mapped_prefix, sizeof mapped_prefix) == 0;
    if (is_mapped) address.family_ = AF_INET;
  } else if (socket->sa_family == AF_UNIX) {
    address.family_ = AF_UNIX;
    constexpr std::size_t before_path = offsetof(sockaddr_un, sun_path);
    if (size > before_path) {
      const char* path = reinterpret_cast<const sockaddr_un*>(socket)->sun_path;
      address.path_.assign(path, strnlen(path, size - before_path));
    }
  }
  return address;
}

Address Address::local_of(int descriptor) {
  Socket socket;
  socket.size = sizeof socket.storage;
  auto* raw = reinterpret_cast<sockaddr*>(&socket.storage);
  if (getsockname(descriptor, raw, &socket.size) != 0) return {};
  return from(raw, socket.size);
}

bool Address::is_loopback() const {
  if (!is_ip()) return false;
  if (std::memcmp(ip_, mapped_prefix, sizeof mapped_prefix) == 0) return ip_[12] == 127;
  return std::memcmp(ip_, &in6addr_loopback, 16) == 0;
}

Address Address::with_port(std::uint16_t port) const {
  Address other = *this;
  other.port_ = port;
  return other;
}

std::string Address::ip() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (family_ == AF_INET) return dotted(ip_ + 12);
  if (family_ == AF_INET6) inet_ntop(AF_INET6, ip_, text, sizeof text);
  return text;
}

std::string Address::to_string() const {
  switch (family_) {
    case AF_INET:
      return ip() + ':' + std::to_string(port_);
    case AF_INET6:
      return '[' + ip() + "]:" + std::to_string(port_);
    case AF_UNIX:
      return std::string(unix_prefix) + path_;
    default:
      return {};
  }
}

Address::Socket Address::socket() const {
  Socket socket;
  if (family_ == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port_);
    std::memcpy(&v4.sin_addr, ip_ + 12, 4);
    std::memcpy(&socket.storage, &v4, socket.size = sizeof v4);
  } else if (family_ == AF_INET6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port_);
    v6.sin6_scope_id = scope_;
    std::memcpy(&v6.sin6_addr, ip_, 16);
    std::memcpy(&socket.storage, &v6, socket.size = sizeof v6);
  } else if (family_ == AF_UNIX) {
    sockaddr_un un{};
    un.sun_family = AF_UNIX;
    path_.copy(un.sun_path, sizeof un.sun_path - 1);
    std::memcpy(&socket.storage, &un, sizeof un);
    socket.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size() + 1);
  }
  return socket;
}

std::optional<AddressRange> AddressRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse_ip(text.substr(0, slash), 0);
  if (!address) return std::nullopt;
  const int width = address->family() == AF_INET ? 32 : 128;
  AddressRange range;
  std::memcpy(range.ip_, address->bytes(), sizeof range.ip_);
  if (slash == text.npos) return range;
  const auto bits = parse_decimal<std::uint8_t>(text.substr(slash + 1));
  if (!bits || *bits > width) return std::nullopt;
  range.prefix_ = 128 - width + *bits;
  return range;
}

bool AddressRange::contains(const Address& address) const {
  if (!address.is_ip()) return false;
  const auto whole = static_cast<std::size_t>(prefix_ / 8);
  if (std::memcmp(ip_, address.bytes(), whole) != 0) return false;
  const int rest = prefix_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff << (8 - rest));
  return ((ip_[whole] ^ address.bytes()[whole]) & mask) == 0;
}

}  // namespace base
