#include "proxy/http/date_stamp.hpp"

#include <cstdio>
#include <ctime>

namespace http {
namespace {

using std::chrono::system_clock;

// Days and months by their English names, whatever the locale.
constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

struct Stamp {
  base::WallTime begun = base::WallTime::max();  // of the second that it tells
  char text[64];
  std::size_t size = 0;

  bool holds(base::WallTime now) const {
    return now >= begun && now - begun < std::chrono::seconds{1};
  }
  void tell(base::WallTime now) {
    begun = std::chrono::floor<std::chrono::seconds>(now);
    const std::time_t time = system_clock::to_time_t(begun);
    std::tm utc{};
    gmtime_r(&time, &utc);
    size = static_cast<std::size_t>(std::snprintf(
        text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday,
        months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec));
  }
};

}  // namespace

std::string_view date_at(base::WallTime now) {
  thread_local Stamp stamp;
  if (!stamp.holds(now)) stamp.tell(now);
  return {stamp.text, stamp.size};
}

}  // namespace http
