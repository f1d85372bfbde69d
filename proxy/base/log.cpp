#include "proxy/base/log.hpp"

#include "proxy/base/json.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <unistd.h>
#include <utility>

namespace base {
namespace {

constexpr std::array<std::string_view, 4> level_names = {"debug", "info", "warning", "error"};
constexpr std::chrono::minutes between_complaints{1};
constexpr const char* margin = "    ";  // of an event's further lines

// As in JSON, but for quotation marks: what no terminal and no line break is to come from.
void append_event(std::string& line, std::string_view event) {
  for (std::size_t mark = event.find('"'); mark != event.npos; mark = event.find('"')) {
    append_json(line, event.substr(0, mark));
    line += '"';
    event.remove_prefix(mark + 1);
  }
  append_json(line, event);
}

}  // namespace

std::string timestamp(std::chrono::system_clock::time_point at) {
  using namespace std::chrono;
  const std::time_t seconds = system_clock::to_time_t(at);
  const auto millis = duration_cast<milliseconds>(at.time_since_epoch()).count() % 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[64];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::snprintf(text + size, sizeof text - size, ".%03dZ", static_cast<int>(millis));
  return text;
}

Log::Log(LogFile file, Level least, bool is_json)
    : file_(std::move(file)), least_(least), is_json_(is_json) {}

std::string Log::line_of(Level level, std::string_view event, Lines lines) const {
  const std::string_view name = level_names[static_cast<std::size_t>(level)];
  if (is_json_) {
    JsonWriter json;
    json.open('{').text("ts", timestamp()).text("level", name).text("event", event);
    return json.close('}').take();
  }
  std::string line = timestamp();
  line.append(" ").append(name).append(" ");
  if (lines == Lines::one) {
    append_event(line, event);
    return line += '\n';
  }
  for (bool is_first = true; !event.empty();) {
    const std::size_t end = std::min(event.find('\n'), event.size());
    if (end > 0) {
      line += std::exchange(is_first, false) ? "" : margin;
      append_event(line, event.substr(0, end));
      line += '\n';
    }
    event.remove_prefix(std::min(end + 1, event.size()));
  }
  return line;
}

void Log::write(Level level, std::string_view event, Lines lines) {
  if (level < least_) return;
  std::string line = line_of(level, event, lines);
  const std::lock_guard lock(mutex_);
  if (is_torn_) line.insert(0, 1, '\n');
  std::string_view rest = line;
  while (!rest.empty()) {
    const Result<std::size_t> written =
        file_.is_ready() ? file_.write(rest) : Result<std::size_t>(std::size_t{0});
    if (!written) return lost(written.error().cause.message());
    if (*written == 0) return lost("nobody reads it");
    rest.remove_prefix(*written);
    is_torn_ = !rest.empty();
  }
}

void Log::lost(const std::string& why) {
  const std::uint64_t dropped = dropped_.fetch_add(1, std::memory_order_relaxed) + 1;
  const Time now = Clock::now();
  if (told_at_ != Time::min() && now < told_at_ + between_complaints) return;
  told_at_ = now;
  const LogFile standard_error(STDERR_FILENO);
  if (file_.name() == "stderr" || file_.name().empty() || !standard_error.is_ready()) return;
  const std::string what = timestamp() + " warning log: " + file_.name() + ": " + why +
                           "; lines lost: " + std::to_string(dropped - told_) + "\n";
  told_ = dropped;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, what.data(), what.size());
}

void Log::adopt(Level least, bool is_json) {
  least_.store(least, std::memory_order_relaxed);
  is_json_.store(is_json, std::memory_order_relaxed);
}

void Log::adopt(LogFile file) {
  const std::lock_guard lock(mutex_);
  file_ = std::move(file);
}

// Opening may take long, and nobody who writes a line waits for it.
boost::system::error_code Log::reopen() {
  std::string name;
  {
    const std::lock_guard lock(mutex_);
    if (!file_.is_owned()) return {};
    name = file_.name();
  }
  Result<LogFile> fresh = LogFile::open(name);
  if (!fresh) return fresh.error().cause;
  const std::lock_guard lock(mutex_);
  if (file_.name() == name) std::swap(file_, *fresh);
  return {};
}

}  // namespace base
