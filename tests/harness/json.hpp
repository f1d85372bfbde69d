// A small JSON reader for test data: whole values, no streaming. Of strings, a character up to U+00FF
// is that byte and one above it is its UTF-8 bytes: so any bytes can be written down. Throws
// std::runtime_error at what it cannot read. Header only.
#pragma once

#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace harness {

class Json {
 public:
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

  static Json parse(std::string_view text) {
    Reader reader{text};
    Json value = reader.value(0);
    if (reader.next() != '\0') reader.fail("something follows the value");
    return value;
  }

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_true() const { return kind_ == Kind::boolean && number_ != 0; }
  double number() const { return number_; }
  const std::string& text() const { return text_; }
  const std::vector<Json>& items() const { return items_; }  // of an object too: its values
  const std::vector<std::string>& keys() const { return keys_; }
  // Of an object; null if it has no such member.
  const Json& operator[](std::string_view key) const {
    static const Json none;
    for (std::size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i] == key) return items_[i];
    return none;
  }

 private:
  struct Reader {
    std::string_view rest;

    [[noreturn]] void fail(const char* why) const { throw std::runtime_error(why); }
    char next() {
      while (!rest.empty() && std::string_view(" \t\r\n").find(rest.front()) != rest.npos)
        rest.remove_prefix(1);
      return rest.empty() ? '\0' : rest.front();
    }
    bool take(std::string_view text) {
      if (!rest.starts_with(text)) return false;
      rest.remove_prefix(text.size());
      return true;
    }

    Json value(int depth) {
      if (depth > 64) fail("too deep");
      const char first = next();
      if (first == '{' || first == '[') return container(first, depth);
      Json value;
      if (first == '"') {
        value.kind_ = Kind::string;
        value.text_ = string();
      } else if (take("true")) {
        value.kind_ = Kind::boolean;
        value.number_ = 1;
      } else if (take("false")) {
        value.kind_ = Kind::boolean;
      } else if (!take("null")) {
        value = number();
      }
      return value;
    }

    Json container(char first, int depth) {
      const bool is_object = first == '{';
      const char last = is_object ? '}' : ']';
      Json made;
      made.kind_ = is_object ? Kind::object : Kind::array;
      rest.remove_prefix(1);
      while (next() != last) {
        if (!made.items_.empty() && !take(",")) fail("no comma between two values");
        if (is_object) {
          if (next() != '"') fail("a member without a name");
          made.keys_.push_back(string());
          if (next() != ':') fail("a member without a value");
          rest.remove_prefix(1);
        }
        made.items_.push_back(value(depth + 1));
      }
      rest.remove_prefix(1);
      return made;
    }

    Json number() {
      const std::size_t size = rest.substr(0, rest.find_first_not_of("+-.0123456789eE")).size();
      Json made;
      made.kind_ = Kind::number;
      made.text_ = std::string(rest.substr(0, size));
      made.number_ = std::stod(made.text_);
      rest.remove_prefix(size);
      return made;
    }

    std::string string() {
      std::string text;
      rest.remove_prefix(1);
      for (;;) {
        if (rest.empty()) fail("a string does not end");
        const char c = rest.front();
        rest.remove_prefix(1);
        if (c == '"') return text;
        if (c == '\\')
          escape(text);
        else
          text += c;
      }
    }

    void escape(std::string& text) {
      if (rest.empty()) fail("a string does not end");
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c == 'u') return append(text, code_point());
      const std::size_t at = std::string_view("\"\\/bfnrt").find(c);
      if (at == std::string_view::npos) fail("an escape that is none");
      text += "\"\\/\b\f\n\r\t"[at];
    }

    std::uint32_t code_point() {
      const std::uint32_t unit = code_unit();
      if (unit < 0xd800 || unit > 0xdbff || !take("\\u")) return unit;
      return 0x10000 + ((unit - 0xd800) << 10) + (code_unit() - 0xdc00);
    }

    std::uint32_t code_unit() {
      if (rest.size() < 4) fail("an escape that is none");
      const auto unit = static_cast<std::uint32_t>(std::stoul(std::string(rest.substr(0, 4)), nullptr, 16));
      rest.remove_prefix(4);
      return unit;
    }

    static void append(std::string& text, std::uint32_t code) {
      const auto add = [&text](std::uint32_t byte) {
        text += static_cast<char>(static_cast<unsigned char>(byte));
      };
      if (code <= 0xff) return add(code);
      if (code >= 0x10000) {
        add(0xf0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3f));
      } else if (code >= 0x800) {
        add(0xe0 | code >> 12);
      } else {
        return add(0xc0 | code >> 6), add(0x80 | (code & 0x3f));
      }
      add(0x80 | (code >> 6 & 0x3f));
      add(0x80 | (code & 0x3f));
    }
  };

  Kind kind_ = Kind::null;
  double number_ = 0;
  std::string text_;
  std::vector<Json> items_;
  std::vector<std::string> keys_;
};

// A file with one value a line.
inline std::vector<Json> read_json_lines(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<Json> values;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) values.push_back(Json::parse(line));
  return values;
}

// What a case sends: a string, or a list of strings and {"rep": text, "n": how often}.
inline std::string wire_of(const Json& sent) {
  if (sent.kind() == Json::Kind::string) return sent.text();
  std::string wire;
  for (const Json& part : sent.items()) {
    if (part.kind() == Json::Kind::string) wire += part.text();
    for (int i = 0; i < static_cast<int>(part["n"].number()); ++i) wire += part["rep"].text();
  }
  return wire;
}

}  // namespace harness
