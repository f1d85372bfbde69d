// The text of one file of the configuration, and where in it something stands. Immutable once made.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace config {

constexpr std::size_t most_bytes = 4 * 1024 * 1024;  // of one file
constexpr std::size_t most_depth = 64;
constexpr std::size_t most_nodes =
    100'000;  // of one file, aliases counted as often as they stand there

struct Mark;

class Source {
 public:
  Source(std::string file, std::string content);

  std::string_view line(int number) const;        // 1-based; "" beyond the end
  std::string_view from(const Mark& mark) const;  // to the end of the text

  const std::string name;
  const std::string text;

 private:
  std::vector<std::size_t> starts_;  // of the lines
};

struct Mark {
  std::shared_ptr<const Source> source;  // null = no place
  int line = 0;                          // 1-based; 0 = the file as a whole
  int column = 0;                        // 1-based, in bytes

  bool begins_with(char c) const;  // what stands there
};

struct Unreadable {
  Mark mark;
  std::string message;  // "" = none
};

struct FileText {
  std::string text;
  std::string problem;  // in the operating system's words; "" = none
};

// At most `most` bytes and one, so that the caller sees that there were more.
FileText read_file(const std::string& path, std::size_t most);

// Below the space but the tab, DEL, and what U+0080 to U+009F are in UTF-8: they reach header
// fields, logs and terminals.
bool has_control(std::string_view text);

// What keeps a text from being handed to the YAML parser: its size, bytes that are not UTF-8,
// control characters (it takes some of them for the end or for another encoding), more brackets and
// commas than there may be values (it holds all of an open bracket's in memory).
Unreadable unreadable(const std::shared_ptr<const Source>& source);

}  // namespace config
