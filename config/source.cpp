#include "config/source.hpp"

#include "proxy/base/utf8.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <unistd.h>

namespace config {
namespace {

// What `text` begins with.
bool is_control(std::string_view text) {
  const auto byte = static_cast<unsigned char>(text[0]);
  if (byte == 0xc2) return text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xa0;
  return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

bool is_line_end(char c) {
  return c == '\n' || c == '\r';
}

std::optional<std::size_t> first_bad_byte(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    const std::size_t length = base::utf8_length(rest);
    if (length == 0 || (is_control(rest) && !is_line_end(rest[0]))) return i;
    i += length;
  }
  return std::nullopt;
}

// A byte order mark says nothing in UTF-8.
std::string_view without_mark(std::string_view text) {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

std::string what_is_wrong(std::string_view text, std::size_t at) {
  const std::string_view first = text.substr(0, 4);
  if (first.starts_with("\xff\xfe") || first.starts_with("\xfe\xff") ||
      (first.size() > 1 && (first[0] == 0) != (first[1] == 0)))
    return "the file is UTF-16: save it as UTF-8";
  if (base::utf8_length(text.substr(at)) == 0)
    return "this byte is not UTF-8: save the file as UTF-8";
  if (text[at] == 0) return "a NUL byte cannot stand here";
  return "a control character cannot stand here";
}

}  // namespace

Source::Source(std::string file, std::string content)
    : name(std::move(file)), text(without_mark(content)) {
  starts_.push_back(0);
  for (std::size_t i = text.find('\n'); i != text.npos; i = text.find('\n', i + 1))
    starts_.push_back(i + 1);
}

std::string_view Source::line(int number) const {
  if (number < 1 || static_cast<std::size_t>(number) > starts_.size()) return {};
  const std::string_view rest =
      std::string_view(text).substr(starts_[static_cast<std::size_t>(number) - 1]);
  std::string_view line = rest.substr(0, rest.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::string_view Source::from(const Mark& mark) const {
  if (mark.line < 1 || mark.column < 1 || static_cast<std::size_t>(mark.line) > starts_.size())
    return {};
  const std::size_t at =
      starts_[static_cast<std::size_t>(mark.line) - 1] + static_cast<std::size_t>(mark.column) - 1;
  return std::string_view(text).substr(std::min(at, text.size()));
}

bool Mark::begins_with(char c) const {
  return source && source->from(*this).starts_with(c);
}

FileText read_file(const std::string& path, std::size_t most) {
  FileText file;
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return {{}, std::strerror(errno)};
  while (file.text.size() <= most) {
    char piece[16 * 1024];
    const std::size_t wanted = std::min(sizeof piece, most + 1 - file.text.size());
    const ssize_t got = ::read(descriptor, piece, wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) file = {{}, std::strerror(errno)};
    if (got <= 0) break;
    file.text.append(piece, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return file;
}

bool has_control(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (is_control(text.substr(i))) return true;
  return false;
}

Unreadable unreadable(const std::shared_ptr<const Source>& source) {
  const std::string& text = source->text;
  const Mark whole{source, 0, 0};
  if (text.size() > most_bytes) return {whole, "the file is larger than 4 MiB"};
  if (const auto bad = first_bad_byte(text)) {
    const std::string_view before = std::string_view(text).substr(0, *bad);
    const auto line = std::count(before.begin(), before.end(), '\n') + 1;
    const std::size_t start = before.rfind('\n');
    const std::size_t column = start == before.npos ? *bad + 1 : *bad - start;
    return {{source, static_cast<int>(line), static_cast<int>(column)}, what_is_wrong(text, *bad)};
  }
  const auto openers = std::count_if(text.begin(), text.end(),
                                     [](char c) { return c == '[' || c == '{' || c == ','; });
  if (static_cast<std::size_t>(openers) > most_nodes)
    return {whole, "more than " + std::to_string(most_nodes) + " values"};
  return {};
}

}  // namespace config
