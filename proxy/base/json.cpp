#include "proxy/base/json.hpp"

#include "proxy/base/utf8.hpp"

#include <cstring>

namespace base {
namespace {

bool is_plain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

constexpr std::uint64_t each(std::uint64_t byte) {
  return byte * 0x0101010101010101;
}

// Whether all eight bytes are plain: each term sets the top bit of a byte that is not (Hacker's
// Delight 6-1; a borrow may set one too many, which costs a closer look only).
bool are_plain(std::uint64_t bytes) {
  const std::uint64_t controls = bytes - each(0x20);
  const std::uint64_t deletes = bytes + each(1);
  const std::uint64_t quotes = (bytes ^ each('"')) - each(1);
  const std::uint64_t backslashes = (bytes ^ each('\\')) - each(1);
  return ((bytes | controls | deletes | quotes | backslashes) & each(0x80)) == 0;
}

std::uint64_t load(const char* at, std::size_t size) {
  std::uint64_t bytes = 0;
  std::memcpy(&bytes, at, size);
  return bytes;
}

// As nearly all texts are. The last step may look at bytes twice.
bool is_plain(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  if (text.size() >= 8) {
    for (; end - at > 8; at += 8)
      if (!are_plain(load(at, 8))) return false;
    return are_plain(load(end - 8, 8));
  }
  if (text.size() >= 4) return are_plain(load(at, 4) | load(end - 4, 4) << 32);
  for (; at != end; ++at)
    if (!is_plain(static_cast<unsigned char>(*at))) return false;
  return true;
}

char* escape_byte(char* out, unsigned char byte) {
  constexpr char digits[] = "0123456789abcdef";
  std::memcpy(out, "\\u00", 4);
  out[4] = digits[byte >> 4];
  out[5] = digits[byte & 15];
  return out + 6;
}

}  // namespace

char* escape_json(char* out, std::string_view text) {
  if (is_plain(text)) {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
  }
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    std::size_t length = 1;
    if (is_plain(byte)) {
      *out++ = text[0];
    } else if (byte == '"' || byte == '\\') {
      *out++ = '\\';
      *out++ = text[0];
    } else if (byte >= 0x80 && (length = utf8_length(text)) > 0) {
      std::memcpy(out, text.data(), length);
      out += length;
    } else {
      length = 1;
      out = escape_byte(out, byte);
    }
    text.remove_prefix(length);
  }
  return out;
}

void append_json(std::string& out, std::string_view text, std::size_t longest) {
  text = text.substr(0, longest);
  const std::size_t size = out.size();
  out.resize(size + text.size() * longest_escape);
  out.resize(static_cast<std::size_t>(escape_json(out.data() + size, text) - out.data()));
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  is_first_ = true;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  is_first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  quote(name);
  out_ += ':';
  is_first_ = true;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  separate();
  quote(value);
  return *this;
}

JsonWriter& JsonWriter::number(std::uint64_t value) {
  separate();
  out_ += std::to_string(value);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  separate();
  out_ += value ? "true" : "false";
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  out_ += json;
  return *this;
}

void JsonWriter::separate() {
  if (!is_first_) out_ += ',';
  is_first_ = false;
}

void JsonWriter::quote(std::string_view value) {
  out_ += '"';
  append_json(out_, value);
  out_ += '"';
}

}  // namespace base
