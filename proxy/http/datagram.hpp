// The pieces of a body that carries datagrams, each of them whole. One may hold no byte, and is no
// end of the body for that: it is told from an end by where it lies.
#pragma once

#include "proxy/base/bytes.hpp"

#include <string_view>

namespace http {

inline constexpr char no_bytes[] = "";

inline base::Bytes datagram_of(std::string_view bytes) {
  return bytes.empty() ? base::Bytes::of_literal(no_bytes) : base::Bytes::copy_of(bytes);
}

// Whether a piece that was read is the end of its body.
inline bool is_end(const base::Bytes& piece) {
  return piece.empty() && piece.data() != no_bytes;
}

}  // namespace http
