// Where in a stream of server-sent events (WHATWG HTML 9.2.5) its reader is: within an event, or
// between two. Lines end with LF, CR or both; an empty one ends an event. A value.
#pragma once

#include <string_view>

namespace filters {

class EventStreamPosition {
 public:
  void pass(std::string_view bytes) {
    constexpr std::size_t longest_end = 4;  // CR LF CR LF: what came before does not matter
    if (bytes.size() > longest_end) {
      *this = {};
      is_between_ = is_line_empty_ = false;
      bytes.remove_prefix(bytes.size() - longest_end);
    }
    for (const char c : bytes) pass(c);
  }

  bool is_between_events() const { return is_between_; }

 private:
  void pass(char c) {
    const bool is_rest_of_end = c == '\n' && has_just_read_cr_;
    has_just_read_cr_ = c == '\r';
    if (is_rest_of_end) return;
    const bool ends_line = c == '\n' || c == '\r';
    is_between_ = ends_line && is_line_empty_;
    is_line_empty_ = ends_line;
  }

  bool is_line_empty_ = true;
  bool is_between_ = true;
  bool has_just_read_cr_ = false;
};

}  // namespace filters
