// What names of header fields are made of, and which belong to a connection: for whoever reads them
// from a peer or from a configuration. Pure, any thread.
#pragma once

#include "proxy/base/ascii.hpp"

#include <array>
#include <string_view>

namespace base {

// For each byte: its lower case if it may stand in a token (RFC 9110 5.6.2), else 0.
inline constexpr std::array<char, 256> token_lower_case = [] {
  std::array<char, 256> table{};
  for (unsigned c = 0; c < 128; ++c) {
    const char character = static_cast<char>(c);
    if (is_digit(character) || is_alpha(character)) table[c] = to_lower(character);
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = c;
  return table;
}();

// 0 for what may not stand in a token; so is the character that ends one.
constexpr char as_token_character(char c) {
  return token_lower_case[static_cast<unsigned char>(c)];
}

constexpr bool is_token(std::string_view text) {  // not empty
  for (const char c : text)
    if (!as_token_character(c)) return false;
  return !text.empty();
}

// What one hop says to the next and nobody beyond (RFC 9110 7.6.1), whether `connection` names it
// or not.
inline constexpr std::string_view connection_fields[] = {
    "connection",       "keep-alive",        "te",      "upgrade", "http2-settings",
    "proxy-connection", "transfer-encoding", "trailer",
};

constexpr bool is_connection_field(std::string_view name) {
  for (const std::string_view field : connection_fields)
    if (same_ignoring_case(name, field)) return true;
  return false;
}

}  // namespace base
