#include "proxy/upstream/grpc_health.hpp"

#include <cstdint>
#include <optional>

namespace upstream {
namespace {

constexpr std::size_t prefix_size = 5;  // not compressed, and the length
constexpr int longest_varint = 10;
enum WireType : std::uint64_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::optional<std::uint64_t> take_varint(std::string_view& from) {
  std::uint64_t value = 0;
  for (int i = 0; i < longest_varint && !from.empty(); ++i) {
    const auto byte = static_cast<unsigned char>(from.front());
    from.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << (7 * i);
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

// Passes over a field's value; false = it is not whole.
bool skip(std::string_view& from, std::uint64_t wire_type) {
  std::uint64_t size = 0;
  if (wire_type == varint) return take_varint(from).has_value();
  if (wire_type == fixed64) size = 8;
  if (wire_type == fixed32) size = 4;
  if (wire_type == bytes) {
    const auto length = take_varint(from);
    if (!length) return false;
    size = *length;
  } else if (size == 0) {
    return false;
  }
  if (size > from.size()) return false;
  from.remove_prefix(size);
  return true;
}

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>(value | 0x80);
  to += static_cast<char>(value);
}

}  // namespace

std::string grpc_health_request(std::string_view service) {
  std::string message;
  if (!service.empty()) {
    message += '\x0a';  // field 1, bytes
    append_varint(message, service.size());
    message += service;
  }
  std::string framed(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) framed += static_cast<char>(message.size() >> shift);
  return framed + message;
}

bool is_serving(std::string_view message) {
  if (message.size() < prefix_size || message[0] != 0) return false;
  std::uint64_t size = 0;
  for (std::size_t i = 1; i < prefix_size; ++i)
    size = size << 8 | static_cast<unsigned char>(message[i]);
  message.remove_prefix(prefix_size);
  if (size > message.size()) return false;
  message = message.substr(0, size);
  std::uint64_t status = 0;
  while (!message.empty()) {
    const auto tag = take_varint(message);
    if (!tag) return false;
    if (*tag == 8) {  // field 1, varint; the last one counts
      const auto value = take_varint(message);
      if (!value) return false;
      status = *value;
    } else if (!skip(message, *tag & 7)) {
      return false;
    }
  }
  constexpr std::uint64_t serving = 1;
  return status == serving;
}

}  // namespace upstream
