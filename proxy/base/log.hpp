// The process's own log: one line an event but for those that say otherwise, to standard error,
// standard output or a file. Any thread; it is not for the request path (see the access log). It
// never waits: what its destination does not take is lost, counted, and told on standard error at
// most once a minute.
#pragma once

#include "proxy/base/log_file.hpp"
#include "proxy/base/time.hpp"

#include <boost/system/error_code.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace base {

enum class Level : std::uint8_t { debug, info, warning, error };

class Log {
 public:
  // is_json: one object a line, else text.
  Log(LogFile file, Level least, bool is_json);
  Log(int descriptor, Level least, bool is_json) : Log(LogFile(descriptor), least, is_json) {}

  void debug(std::string_view event) { write(Level::debug, event); }
  void info(std::string_view event) { write(Level::info, event); }
  void warning(std::string_view event) { write(Level::warning, event); }
  void error(std::string_view event) { write(Level::error, event); }
  // An event of several lines: those behind the first stand indented below it.
  void error_in_lines(std::string_view event) { write(Level::error, event, Lines::several); }

  // As a later configuration wants it.
  void adopt(Level least, bool is_json);
  void adopt(LogFile file);
  // Opens its file again, so that it can be rotated; if that fails, the old one stays.
  boost::system::error_code reopen();
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  enum class Lines : std::uint8_t { one, several };
  void write(Level level, std::string_view event, Lines lines = Lines::one);
  std::string line_of(Level level, std::string_view event, Lines lines) const;
  void lost(const std::string& why);

  std::mutex mutex_;
  LogFile file_;
  std::atomic<Level> least_;
  std::atomic<bool> is_json_;
  std::atomic<std::uint64_t> dropped_{0};
  std::uint64_t told_ = 0;  // of the dropped ones
  Time told_at_ = Time::min();
  bool is_torn_ = false;  // what was written last ends within a line
};

// "2026-01-31T12:34:56.789Z".
std::string timestamp(std::chrono::system_clock::time_point at = std::chrono::system_clock::now());

}  // namespace base
