// Whether those who come by TLS show a certificate: never, if they have one, or else they are turned
// away.
#pragma once

#include <cstdint>

namespace base {

enum class ClientAuth : std::uint8_t { none, request, require };

}  // namespace base
