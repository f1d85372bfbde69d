// Error codes of HTTP/2.
#pragma once

#include <cstdint>

namespace http2 {

// Of RFC 9113 7 those that we send or look for.
enum class Code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  stream_closed = 5,
  refused_stream = 7,
  cancel = 8,
  connect_error = 10,
  enhance_your_calm = 11,
};

}  // namespace http2
