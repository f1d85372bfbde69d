// The process's own log: one line an event, to standard error or a file. Any thread; it is not for
// the request path (see the access log).
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace base {

enum class Level : std::uint8_t { debug, info, warning, error };

class Log {
 public:
  // descriptor: not owned. is_json: one object a line, else text.
  Log(int descriptor, Level least, bool is_json);

  void debug(std::string_view event) { write(Level::debug, event); }
  void info(std::string_view event) { write(Level::info, event); }
  void warning(std::string_view event) { write(Level::warning, event); }
  void error(std::string_view event) { write(Level::error, event); }

 private:
  void write(Level level, std::string_view event);

  std::mutex mutex_;
  int descriptor_;
  Level least_;
  bool is_json_;
};

// Appends `text` as the inside of a JSON string: quotes, backslashes, control characters and bytes
// that are not UTF-8 escaped; at most `longest` bytes of it.
void append_json(std::string& out, std::string_view text, std::size_t longest = 8192);

// "2026-01-31T12:34:56.789Z".
std::string timestamp(std::chrono::system_clock::time_point at = std::chrono::system_clock::now());

}  // namespace base
