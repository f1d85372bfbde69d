#include "proxy/net/proxy_header.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <cstring>

namespace net {
namespace {

using base::Address;

constexpr std::string_view text_signature = "PROXY ";
constexpr std::string_view binary_signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view end_of_text = "\r\n";
constexpr unsigned char version = 0x20, local = 0x0, proxied = 0x1;
constexpr unsigned char unspecified = 0x00, tcp4 = 0x11, tcp6 = 0x21, unix_stream = 0x31;
constexpr std::size_t size_of_tcp4 = 12, size_of_tcp6 = 36, size_of_unix = 216;

std::uint16_t number_at(const char* at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(at[0]) << 8 |
                                    static_cast<unsigned char>(at[1]));
}

Address binary_address(int family, const char* ip, std::uint16_t port) {
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, ip, sizeof v4.sin_addr);
    return Address::from(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, ip, sizeof v6.sin6_addr);
  return Address::from(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

// The next word, which one blank ends.
std::string_view next_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(word.size() + 1, text.size()));
  return word;
}

// A port as it must be written: no sign, no zero in front.
std::optional<std::uint16_t> port_of(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return base::parse_decimal<std::uint16_t>(text);
}

std::optional<Address> text_address(int family, std::string_view ip, std::string_view port) {
  const auto number = port_of(port);
  if (!number) return std::nullopt;
  const std::optional<Address> address = Address::parse_ip(ip, *number);
  if (!address || address->family() != family) return std::nullopt;
  const Address::Socket socket = address->socket();
  return Address::from(socket.get(), socket.size);  // IPv4's in IPv6's form is IPv4
}

bool are_of_ip(const Address& source, const Address& destination) {
  return source.is_ip() && destination.is_ip();
}

// IPv4's end of a connection whose other end is written as IPv6.
std::string written(const Address& address, bool as_v6) {
  return as_v6 && address.family() == AF_INET ? "::ffff:" + address.ip() : address.ip();
}

void append_number(std::string& text, std::uint16_t number) {
  text += static_cast<char>(number >> 8);
  text += static_cast<char>(number & 0xff);
}

}  // namespace

std::size_t ProxyHeader::take(std::string_view bytes) {
  if (state_ != State::incomplete || bytes.empty()) return 0;
  const char first = size_ > 0 ? begun_.front() : bytes.front();
  return first == text_signature.front() ? take_text(bytes) : take_binary(bytes);
}

std::size_t ProxyHeader::fail() {
  state_ = State::malformed;
  return 0;
}

bool ProxyHeader::has_begun_rightly() const {
  const std::string_view begun(begun_.data(), size_);
  const std::string_view signature =
      begun.front() == text_signature.front() ? text_signature : binary_signature;
  const std::size_t known = std::min(begun.size(), signature.size());
  return begun.substr(0, known) == signature.substr(0, known);
}

// --- version 1: a line of text ---

std::size_t ProxyHeader::take_text(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (size_ == begun_.size()) return fail();
    begun_[size_++] = bytes[at];
    if (!has_begun_rightly()) return fail();
    if (!std::string_view(begun_.data(), size_).ends_with(end_of_text)) continue;
    read_text();
    return at + 1;
  }
  return bytes.size();
}

void ProxyHeader::read_text() {
  std::string_view line(begun_.data(), size_ - end_of_text.size());
  line.remove_prefix(text_signature.size());
  const std::string_view protocol = next_word(line);
  state_ = State::complete;
  if (protocol == "UNKNOWN") return;  // whatever follows
  const int family = protocol == "TCP4" ? AF_INET : protocol == "TCP6" ? AF_INET6 : AF_UNSPEC;
  const std::string_view from = next_word(line), to = next_word(line);
  const std::string_view from_port = next_word(line);
  source_ = text_address(family, from, from_port);
  destination_ = text_address(family, to, line);
  if (!source_ || !destination_) state_ = State::malformed;
}

// --- version 2: binary ---

std::size_t ProxyHeader::take_binary(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && size_ < binary_head) {
    begun_[size_++] = bytes[at++];
    if (!has_begun_rightly()) return fail();
    if (size_ < binary_head) continue;
    read_head();
    if (state_ == State::malformed) return 0;
  }
  if (size_ < binary_head) return at;
  const std::size_t count = std::min(rest_, bytes.size() - at);
  const std::size_t kept = std::min(count, binary_head + most_addresses - size_);
  std::memcpy(&begun_[size_], bytes.data() + at, kept);
  size_ += kept;
  rest_ -= count;
  if (rest_ == 0) read_addresses();
  return at + count;
}

// What the addresses need must be there: more are TLVs.
void ProxyHeader::read_head() {
  const auto what = static_cast<unsigned char>(begun_[12]);
  const auto family = static_cast<unsigned char>(begun_[13]);
  rest_ = number_at(&begun_[14]);
  const bool is_local = what == (version | local);
  if (!is_local && what != (version | proxied)) return void(fail());
  if (is_local || family == unspecified) return;
  const std::size_t needed = family == tcp4          ? size_of_tcp4
                             : family == tcp6        ? size_of_tcp6
                             : family == unix_stream ? size_of_unix
                                                     : 0;
  if (needed == 0 || rest_ < needed) fail();
}

void ProxyHeader::read_addresses() {
  state_ = State::complete;
  if (static_cast<unsigned char>(begun_[12]) == (version | local)) return;
  const auto family = static_cast<unsigned char>(begun_[13]);
  if (family != tcp4 && family != tcp6) return;
  const char* const addresses = &begun_[binary_head];
  const std::size_t width = family == tcp4 ? 4 : 16;
  const int kind = family == tcp4 ? AF_INET : AF_INET6;
  source_ = binary_address(kind, addresses, number_at(addresses + 2 * width));
  destination_ = binary_address(kind, addresses + width, number_at(addresses + 2 * width + 2));
}

// --- writing ---

std::string proxy_header_v1(const Address& source, const Address& destination) {
  if (!are_of_ip(source, destination)) return "PROXY UNKNOWN\r\n";
  const bool is_v6 = source.family() == AF_INET6 || destination.family() == AF_INET6;
  std::string line = is_v6 ? "PROXY TCP6 " : "PROXY TCP4 ";
  line.append(written(source, is_v6)).append(" ").append(written(destination, is_v6));
  line.append(" ").append(std::to_string(source.port())).append(" ");
  return line.append(std::to_string(destination.port())).append(end_of_text);
}

std::string proxy_header_v2(const Address& source, const Address& destination) {
  const bool is_known = are_of_ip(source, destination);
  const bool is_v6 = source.family() == AF_INET6 || destination.family() == AF_INET6;
  const std::size_t width = is_v6 ? 16 : 4;  // of an address; IPv4's is the end of the 16 bytes
  const auto size = static_cast<std::uint16_t>(is_known ? 2 * width + 4 : 0);
  std::string header(binary_signature);
  header += static_cast<char>(version | proxied);
  header += static_cast<char>(!is_known ? unspecified : is_v6 ? tcp6 : tcp4);
  append_number(header, size);
  if (!is_known) return header;
  for (const Address* each : {&source, &destination})
    header.append(reinterpret_cast<const char*>(each->bytes()) + 16 - width, width);
  append_number(header, source.port());
  append_number(header, destination.port());
  return header;
}

}  // namespace net
