// JSON, written: strings escaped so that a reader takes them whatever bytes they hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace base {

// Writes `text` as the inside of a JSON string: quotes, backslashes, control characters and bytes
// that are not UTF-8 escaped. Returns where it ended; `out` has room for longest_escape bytes for
// each of the text's.
constexpr std::size_t longest_escape = 6;
char* escape_json(char* out, std::string_view text);

// The same, of at most `longest` bytes of it, appended.
void append_json(std::string& out, std::string_view text, std::size_t longest = 8192);

// Writes one JSON document from left to right; the commas are its business.
class JsonWriter {
 public:
  JsonWriter() = default;
  explicit JsonWriter(std::size_t usual_size) { out_.reserve(usual_size); }

  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& key(std::string_view name);
  JsonWriter& text(std::string_view value);
  JsonWriter& number(std::uint64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& raw(std::string_view json);  // a value that is JSON already

  JsonWriter& text(std::string_view name, std::string_view value) { return key(name).text(value); }
  JsonWriter& number(std::string_view name, std::uint64_t value) { return key(name).number(value); }
  JsonWriter& boolean(std::string_view name, bool value) { return key(name).boolean(value); }

  std::string take() { return std::move(out_) + "\n"; }

 private:
  void separate();
  void quote(std::string_view value);

  std::string out_;
  bool is_first_ = true;  // of its brackets, or behind its key
};

}  // namespace base
