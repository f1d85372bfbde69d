// The header by which a proxy says who it connects for (PROXY protocol, versions 1 and 2, as
// HAProxy describes it): reading and writing it. No sockets. One thread.
#pragma once

#include "proxy/base/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace net {

// Reads one, in as many pieces as it comes. What stands behind it is never taken.
class ProxyHeader {
 public:
  enum class State : std::uint8_t { incomplete, complete, malformed };

  // How many of the next bytes are the header's; after that, state().
  std::size_t take(std::string_view bytes);
  State state() const { return state_; }
  // Once complete: the connection's ends as the proxy saw them. None: it speaks for itself (LOCAL),
  // or does not know; then the connection is as it is.
  const std::optional<base::Address>& source() const { return source_; }
  const std::optional<base::Address>& destination() const { return destination_; }

 private:
  // The longest of version 1; of version 2 the head and what is read of the rest: the addresses of
  // IPv6. Unix paths and TLVs are skipped.
  static constexpr std::size_t most_text = 107;
  static constexpr std::size_t binary_head = 16;
  static constexpr std::size_t most_addresses = 36;

  std::size_t take_text(std::string_view bytes);
  std::size_t take_binary(std::string_view bytes);
  void read_text();
  void read_head();
  void read_addresses();
  bool has_begun_rightly() const;
  std::size_t fail();

  std::array<char, most_text> begun_{};
  std::size_t size_ = 0;
  std::size_t rest_ = 0;  // of version 2, behind its head, not taken yet
  State state_ = State::incomplete;
  std::optional<base::Address> source_;
  std::optional<base::Address> destination_;
};

// What to send ahead of a connection. An end that is no address of IP makes it one of which nothing
// is known.
std::string proxy_header_v1(const base::Address& source, const base::Address& destination);
std::string proxy_header_v2(const base::Address& source, const base::Address& destination);

}  // namespace net
