// UTF-8, told from other bytes (RFC 3629). Pure, any thread.
#pragma once

#include <cstddef>
#include <string_view>

namespace base {

// The length in bytes of the character that `text` begins with, 1 to 4; 0 = it begins with none.
std::size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);

}  // namespace base
