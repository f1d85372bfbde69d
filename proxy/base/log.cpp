#include "proxy/base/log.hpp"

#include <array>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <poll.h>
#include <unistd.h>

namespace base {
namespace {

constexpr int longest_wait = 100;  // milliseconds
constexpr std::array<std::string_view, 4> level_names = {"debug", "info", "warning", "error"};

// The length of the UTF-8 sequence that `text` begins with; 0 = none (RFC 3629).
std::size_t sequence_at(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 0;
  if (first >= 0xc2 && first <= 0xdf) length = 2;
  if (first >= 0xe0 && first <= 0xef) length = 3;
  if (first >= 0xf0 && first <= 0xf4) length = 4;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return length;
}

void append_escaped(std::string& out, unsigned char byte) {
  constexpr char digits[] = "0123456789abcdef";
  out += "\\u00";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

}  // namespace

void append_json(std::string& out, std::string_view text, std::size_t longest) {
  text = text.substr(0, longest);
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    std::size_t length = 1;
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += text[0];
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += text[0];
    } else if ((length = sequence_at(text)) > 0) {
      out += text.substr(0, length);
    } else {
      length = 1;
      append_escaped(out, byte);
    }
    text.remove_prefix(length);
  }
}

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

Log::Log(int descriptor, Level least, bool is_json)
    : descriptor_(descriptor), least_(least), is_json_(is_json) {}

void Log::write(Level level, std::string_view event) {
  if (level < least_) return;
  const std::string_view name = level_names[static_cast<std::size_t>(level)];
  std::string line;
  if (is_json_) {
    line.append("{\"ts\":\"").append(timestamp()).append("\",\"level\":\"").append(name);
    line += "\",\"event\":\"";
    append_json(line, event);
    line += "\"}\n";
  } else {
    line.append(timestamp()).append(" ").append(name).append(" ");
    append_json(line, event);
    line += '\n';
  }
  const std::lock_guard lock(mutex_);
  // A line is lost sooner than its writer is stopped by a pipe that nobody reads.
  pollfd writable{descriptor_, POLLOUT, 0};
  if (::poll(&writable, 1, longest_wait) == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(descriptor_, line.data(), line.size());
}

}  // namespace base
