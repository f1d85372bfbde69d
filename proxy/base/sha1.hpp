// SHA-1 (RFC 3174), for protocols that name it where nothing depends on its strength, as
// WebSocket's handshake does. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace base {

std::array<std::uint8_t, 20> sha1(std::string_view message);

}  // namespace base
