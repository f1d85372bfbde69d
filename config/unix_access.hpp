// The rows `mode` and `owner` of whatever may be bound to a unix socket.
#pragma once

#include "config/fields.hpp"

#include <algorithm>

namespace config {

inline void read_mode(const Node& node, const Reading& reading, std::uint32_t& into) {
  const std::string* text = scalar_of(node, reading, "a file mode such as \"0660\"");
  if (!text) return;
  const bool is_octal =
      (text->size() == 3 || (text->size() == 4 && text->front() == '0')) &&
      std::all_of(text->begin(), text->end(), [](char c) { return c >= '0' && c <= '7'; });
  if (!is_octal)
    return reading.mistake(
        node, "\"" + *text + "\" is not a file mode: three octal digits, such as \"0660\"");
  into = static_cast<std::uint32_t>(std::stoul(*text, nullptr, 8));
}

template <typename Struct> Field<Struct> mode() {
  return {"mode", "a file mode", "0660 of a unix socket", "who may connect to a unix socket",
          [](const Node& node, const Reading& reading, Struct& into) {
            read_mode(node, reading, into.mode);
          }};
}

template <typename Struct> Field<Struct> owner() {
  return {"owner", "user:group", "the process's", "whose a unix socket is",
          [](const Node& node, const Reading& reading, Struct& into) {
            read_text(node, reading, into.owner);
            const std::size_t colon = into.owner.find(':');
            const bool is_owner =
                !into.owner.empty() && into.owner != ":" &&
                (colon == into.owner.npos || into.owner.find(':', colon + 1) == into.owner.npos);
            if (!is_owner)
              reading.mistake(node,
                              "\"" + into.owner + "\" is not an owner: user, user:group or :group");
          }};
}

inline void refuse_access_without_path(const Node& node, const Reading& reading, bool has_path) {
  for (const char* name : {"mode", "owner"})
    if (const Node* said = node.find(name); said && !has_path)
      reading.mistake(*said, std::string("`") + name +
                                 "` is of a unix socket: bind to unix:/path, or leave it away");
}

}  // namespace config
