// "1 worker", "2 workers": a count in words, of what takes an s where there are several or none.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

inline std::string number_of(std::uint64_t count, std::string_view what) {
  return std::to_string(count).append(" ").append(what).append(count == 1 ? "" : "s");
}

}  // namespace base
