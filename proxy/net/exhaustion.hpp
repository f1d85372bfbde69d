// How often no connection could be accepted because descriptors, or the kernel's memory, had run out: since
// the start, by all acceptors. Any thread.
#pragma once

#include <cstdint>

namespace net {

std::uint64_t accepts_in_vain();

}  // namespace net
