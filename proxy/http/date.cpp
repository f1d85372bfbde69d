#include "proxy/http/date.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace http {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> day_names = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> month_names = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Reads a date from left to right; what does not fit is remembered.
class Reader {
 public:
  explicit Reader(std::string_view text) : left_(text) {}

  void expect(std::string_view literal) {
    is_good_ = is_good_ && left_.starts_with(literal);
    if (is_good_) left_.remove_prefix(literal.size());
  }
  // So many digits; `pads`: the first may be a space instead.
  unsigned number(std::size_t digits, bool pads = false) {
    std::string_view text = left_.substr(0, digits);
    if (pads && text.starts_with(' ')) text.remove_prefix(1);
    const auto value = base::parse_decimal<unsigned>(text);
    is_good_ = is_good_ && value && left_.size() >= digits;
    if (is_good_) left_.remove_prefix(digits);
    return value.value_or(0);
  }
  // One of `names`, or the first `length` letters of one; from 0.
  template <std::size_t count>
  unsigned name(const std::array<std::string_view, count>& names, std::size_t length) {
    for (unsigned i = 0; i < count; ++i) {
      const std::string_view each = names[i].substr(0, length);
      if (!left_.starts_with(each)) continue;
      left_.remove_prefix(each.size());
      return i;
    }
    is_good_ = false;
    return 0;
  }
  seconds time_of_day() {
    const unsigned hour = number(2);
    expect(":");
    const unsigned minute = number(2);
    expect(":");
    const unsigned second = number(2);
    is_good_ = is_good_ && hour < 24 && minute < 60 && second <= 60;  // a leap second
    return hours(hour) + minutes(minute) + seconds(second);
  }
  bool is_good() const { return is_good_ && left_.empty(); }

 private:
  std::string_view left_;
  bool is_good_ = true;
};

std::optional<sys_seconds> date_of(const Reader& reader, unsigned y, unsigned m, unsigned d,
                                   seconds time) {
  const year_month_day date{year(static_cast<int>(y)), month(m + 1), day(d)};
  if (!reader.is_good() || !date.ok()) return std::nullopt;
  return sys_days(date) + time;
}

// Sun, 06 Nov 1994 08:49:37 GMT
std::optional<sys_seconds> fixed_form(std::string_view text) {
  Reader reader(text);
  reader.name(day_names, 3);
  reader.expect(", ");
  const unsigned d = reader.number(2);
  reader.expect(" ");
  const unsigned m = reader.name(month_names, 3);
  reader.expect(" ");
  const unsigned y = reader.number(4);
  reader.expect(" ");
  const seconds time = reader.time_of_day();
  reader.expect(" GMT");
  return date_of(reader, y, m, d, time);
}

// Sunday, 06-Nov-94 08:49:37 GMT
std::optional<sys_seconds> short_year_form(std::string_view text, sys_seconds now) {
  Reader reader(text);
  reader.name(day_names, std::string_view::npos);
  reader.expect(", ");
  const unsigned d = reader.number(2);
  reader.expect("-");
  const unsigned m = reader.name(month_names, 3);
  reader.expect("-");
  const unsigned two_digits = reader.number(2);
  reader.expect(" ");
  const seconds time = reader.time_of_day();
  reader.expect(" GMT");
  const auto present = static_cast<unsigned>(int(year_month_day(floor<days>(now)).year()));
  unsigned y = present / 100 * 100 + two_digits;
  if (y + 50 < present) y += 100;
  if (y > present + 50) y -= 100;
  return date_of(reader, y, m, d, time);
}

// Sun Nov  6 08:49:37 1994
std::optional<sys_seconds> asctime_form(std::string_view text) {
  Reader reader(text);
  reader.name(day_names, 3);
  reader.expect(" ");
  const unsigned m = reader.name(month_names, 3);
  reader.expect(" ");
  const unsigned d = reader.number(2, true);
  reader.expect(" ");
  const seconds time = reader.time_of_day();
  reader.expect(" ");
  const unsigned y = reader.number(4);
  return date_of(reader, y, m, d, time);
}

}  // namespace

std::optional<sys_seconds> parse_date(std::string_view text, sys_seconds now) {
  if (auto date = fixed_form(text)) return date;
  if (auto date = short_year_form(text, now)) return date;
  return asctime_form(text);
}

}  // namespace http
