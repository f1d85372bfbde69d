// The scalars of the language: their text is read by the type of the field, YAML's own typing plays
// no part. Pure.
#pragma once

#include "proxy/base/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace config {

struct Rate {
  std::uint64_t count = 0;
  base::Millis per{1'000};

  bool operator==(const Rate&) const = default;
};

// A value, or in words what was wrong with the text, and what to write instead (see Problem).
template <typename T> struct Parsed {
  std::optional<T> value;
  std::string problem;
  std::string instead{};
};

Parsed<std::uint64_t> parse_integer(std::string_view text);
Parsed<base::Millis> parse_duration(std::string_view text);     // "1m30s"; at most 8760h
Parsed<std::uint64_t> parse_size(std::string_view text);        // "64KiB"
Parsed<std::uint32_t> parse_percentage(std::string_view text);  // in 1/100 %: "12.5%" is 1250
Parsed<Rate> parse_rate(std::string_view text);                 // "200/s", "12000/m", "5/h"
Parsed<bool> parse_boolean(std::string_view text);              // true, false

// The same values as they would be written.
std::string duration_text(base::Millis value);
std::string size_text(std::uint64_t bytes);
std::string percentage_text(std::uint32_t hundredths);
std::string rate_text(const Rate& rate);

}  // namespace config
