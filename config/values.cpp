#include "config/values.hpp"

#include "proxy/base/ascii.hpp"

#include <array>

namespace config {
namespace {

using base::Millis;

constexpr Millis longest_duration = std::chrono::hours{8760};

std::string quoted(std::string_view text) {
  return '"' + std::string(text) + '"';
}

std::string_view leading_digits(std::string_view text) {
  std::size_t count = 0;
  while (count < text.size() && base::is_digit(text[count])) ++count;
  return text.substr(0, count);
}

bool has_leading_zero(std::string_view digits) {
  return digits.size() > 1 && digits.front() == '0';
}

template <typename Value> struct Unit {
  std::string_view name;
  Value value;
};

constexpr std::array<Unit<Millis>, 4> times = {
    {{"h", Millis{3'600'000}}, {"m", Millis{60'000}}, {"s", Millis{1'000}}, {"ms", Millis{1}}}};
constexpr std::array<Unit<std::uint64_t>, 7> sizes = {{{"GiB", 1024 * 1024 * 1024},
                                                       {"MiB", 1024 * 1024},
                                                       {"KiB", 1024},
                                                       {"GB", 1000 * 1000 * 1000},
                                                       {"MB", 1000 * 1000},
                                                       {"kB", 1000},
                                                       {"B", 1}}};

std::optional<Millis> unit_of(std::string_view name) {
  for (const auto& unit : times)
    if (unit.name == name) return unit.value;
  return std::nullopt;
}

// As people write units elsewhere, and what they are here.
struct Spelling {
  std::string_view elsewhere, here;
};

constexpr Spelling time_spellings[] = {
    {"msec", "ms"},   {"msecs", "ms"},  {"millis", "ms"}, {"sec", "s"},   {"secs", "s"},
    {"second", "s"},  {"seconds", "s"}, {"min", "m"},     {"mins", "m"},  {"minute", "m"},
    {"minutes", "m"}, {"hr", "h"},      {"hour", "h"},    {"hours", "h"}, {"S", "s"},
    {"M", "m"},       {"H", "h"},       {"MS", "ms"},     {"ms", "ms"},   {"s", "s"},
    {"m", "m"},       {"h", "h"},
};
constexpr Spelling size_spellings[] = {
    {"K", "KiB"},   {"k", "KiB"},   {"M", "MiB"},   {"m", "MiB"},   {"G", "GiB"},   {"g", "GiB"},
    {"KB", "kB"},   {"kb", "kB"},   {"mb", "MB"},   {"Mb", "MB"},   {"gb", "GB"},   {"Gb", "GB"},
    {"kib", "KiB"}, {"Ki", "KiB"},  {"mib", "MiB"}, {"Mi", "MiB"},  {"gib", "GiB"}, {"Gi", "GiB"},
    {"b", "B"},     {"bytes", "B"}, {"KiB", "KiB"}, {"MiB", "MiB"}, {"B", "B"},
};

// ": write 5s" for "5 sec", or "".
template <std::size_t size>
std::string respelt(std::string_view text, const Spelling (&spellings)[size]) {
  const std::string_view digits = leading_digits(text);
  std::string_view unit = text.substr(digits.size());
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  for (const Spelling& spelling : spellings)
    if (!digits.empty() && !has_leading_zero(digits) && spelling.elsewhere == unit)
      return ": write " + std::string(digits).append(spelling.here);
  return {};
}

// Of "0.5", which is 5000: as other languages write a percentage.
std::optional<std::uint32_t> hundredths_of_share(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == text.npos || point > 1 || (point == 1 && text[0] != '0')) return std::nullopt;
  std::string digits(text.substr(point + 1));
  if (digits.empty() || digits.size() > 4) return std::nullopt;
  digits.resize(4, '0');
  return base::parse_decimal<std::uint32_t>(digits);
}

}  // namespace

Parsed<std::uint64_t> parse_integer(std::string_view text) {
  const auto value = base::parse_decimal<std::uint64_t>(text);
  if (!value || has_leading_zero(text))
    return {std::nullopt, quoted(text) + " is not a whole number such as 10"};
  return {value, {}};
}

Parsed<Millis> parse_duration(std::string_view text) {
  if (text == "0") return {Millis{0}, {}};
  if (!text.empty() && leading_digits(text).size() == text.size()) {
    const std::string number(text);
    return {std::nullopt, number + " what?", " write " + number + "s or " + number + "ms"};
  }
  Millis sum{0};
  std::string_view rest = text;
  Millis last_unit = Millis::max();
  while (!rest.empty()) {
    const std::string_view digits = leading_digits(rest);
    rest.remove_prefix(digits.size());
    std::size_t letters = 0;
    while (letters < rest.size() && base::is_alpha(rest[letters])) ++letters;
    const auto unit = unit_of(rest.substr(0, letters));
    rest.remove_prefix(letters);
    const auto count = base::parse_decimal<std::uint32_t>(digits);
    if (!unit || !count || has_leading_zero(digits) || *unit >= last_unit)
      return {std::nullopt, quoted(text) + " is not a duration such as 250ms, 5s, 1m30s or 2h",
                                respelt(text, time_spellings)};
    last_unit = *unit;
    sum += *unit * *count;
    if (sum > longest_duration) return {std::nullopt, quoted(text) + " is more than 8760h"};
  }
  if (text.empty()) return {std::nullopt, "a duration is missing, such as 5s"};
  return {sum, {}};
}

Parsed<std::uint64_t> parse_size(std::string_view text) {
  if (text == "0") return {0, {}};
  const std::string_view digits = leading_digits(text);
  const std::string_view name = text.substr(digits.size());
  const auto count = base::parse_decimal<std::uint32_t>(digits);
  if (count && name.empty()) {
    const std::string number(text);
    return {std::nullopt, number + " what?", " write " + number + "KiB or " + number + "B"};
  }
  for (const auto& unit : sizes)
    if (count && !has_leading_zero(digits) && unit.name == name) return {*count * unit.value, {}};
  return {std::nullopt, quoted(text) +
                            " is not a size such as 512B, 64KiB, 10MiB (or kB, MB, GB, GiB)",
                            respelt(text, size_spellings)};
}

Parsed<std::uint32_t> parse_percentage(std::string_view text) {
  const std::string problem =
      quoted(text) + " is not a percentage from 0% to 100%, such as 25% or 0.5%";
  const std::string number(text);
  if (!text.empty() && leading_digits(text).size() == text.size())
    return {std::nullopt, number + " what?", " write " + number + "%"};
  if (const auto share = hundredths_of_share(text))
    return {std::nullopt,
            number + " is a share", ": as a percentage it is written " + percentage_text(*share)};
  if (!text.ends_with('%')) return {std::nullopt, problem};
  text.remove_suffix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string fraction(point == text.npos ? "00" : text.substr(point + 1));
  if (fraction.size() == 1) fraction += '0';
  const auto high = base::parse_decimal<std::uint32_t>(whole);
  const auto low = base::parse_decimal<std::uint32_t>(fraction);
  if (!high || !low || fraction.size() != 2 || has_leading_zero(whole) || *high > 100 ||
      *high * 100 + *low > 10'000)
    return {std::nullopt, problem};
  return {*high * 100 + *low, {}};
}

Parsed<Rate> parse_rate(std::string_view text) {
  const std::string_view digits = leading_digits(text);
  if (!text.empty() && digits.size() == text.size()) {
    const std::string number(text);
    return {std::nullopt, number + " in which time?", " write " + number + "/s, " + number + "/m or " +
                              number + "/h"};
  }
  const std::string_view unit = text.substr(digits.size());
  const auto per =
      unit == "/s" || unit == "/m" || unit == "/h" ? unit_of(unit.substr(1)) : std::nullopt;
  if (!per || digits.empty() || has_leading_zero(digits))
    return {std::nullopt, quoted(text) + " is not a rate such as 200/s, 12000/m or 5/h"};
  const auto count = base::parse_decimal<std::uint32_t>(digits);
  if (!count) return {std::nullopt, quoted(text) + " is too much: a rate is at most 4294967295"};
  if (*count == 0) return {std::nullopt, "a rate is at least 1, such as 1/h"};
  return {Rate{*count, *per}, {}};
}

Parsed<bool> parse_boolean(std::string_view text) {
  if (text == "true") return {true, {}};
  if (text == "false") return {false, {}};
  const std::string small = base::lower_case(text);
  for (const std::string_view yes : {"yes", "on", "y", "1", "true", "enabled"})
    if (small == yes)
      return {std::nullopt, quoted(text) + " is neither true nor false", ": write true"};
  for (const std::string_view no : {"no", "off", "n", "0", "false", "disabled"})
    if (small == no)
      return {std::nullopt, quoted(text) + " is neither true nor false", ": write false"};
  return {std::nullopt, quoted(text) + " is neither true nor false"};
}

std::string duration_text(Millis value) {
  std::string text;
  for (const auto& unit : times)
    if (const auto count = value / unit.value; count > 0) {
      text += std::to_string(count).append(unit.name);
      value -= count * unit.value;
    }
  return text.empty() ? "0s" : text;
}

std::string size_text(std::uint64_t bytes) {
  if (bytes == 0) return "0";
  for (const auto& unit : sizes)
    if (bytes % unit.value == 0) return std::to_string(bytes / unit.value).append(unit.name);
  return {};
}

std::string percentage_text(std::uint32_t hundredths) {
  std::string text = std::to_string(hundredths / 100);
  if (hundredths % 100 != 0) text += '.' + std::to_string(100 + hundredths % 100).substr(1);
  if (hundredths % 10 == 0 && hundredths % 100 != 0) text.pop_back();
  return text + '%';
}

std::string rate_text(const Rate& rate) {
  std::string text = std::to_string(rate.count) + '/';
  for (const auto& unit : times)
    if (unit.value == rate.per) text += unit.name;
  return text;
}

}  // namespace config
