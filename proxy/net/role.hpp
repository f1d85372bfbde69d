// Which end of a connection this process is.
#pragma once

#include <cstdint>

namespace net {

enum class Role : std::uint8_t { server, client };

}  // namespace net
