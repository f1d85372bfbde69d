#include "config/read.hpp"

namespace config {
std::string wrong_kind(const Node& node, std::string_view expected) {
  std::string message = std::string(expected) + " is expected, not " + std::string(kind_name(node));
  const bool is_braced_word =
      node.is_map() && node.entries.size() == 1 && node.entries[0].value->is_null();
  if (is_braced_word && node.mark.begins_with('{'))
    message += ": text that begins with { needs quotes, as in \"{" + node.entries[0].key + "}\"";
  return message;
}

const std::string* scalar_of(const Node& node, const Reading& reading, std::string_view expected) {
  if (!node.is_scalar()) {
    reading.mistake(node, wrong_kind(node, expected));
    return nullptr;
  }
  if (!has_control(node.text)) return &node.text;
  reading.mistake(node, "a control character or a line end cannot stand here");
  return nullptr;
}

void read_duration(const Node& node, const Reading& reading, Zero zero, base::Millis& into) {
  base::Millis value{};
  if (!take(node, reading, parse_duration, "a duration such as 5s", value)) return;
  if (zero == Zero::refused && value == base::Millis{0})
    return reading.mistake(node,
                           "0 is not allowed here: it would mean no bound, and one is needed");
  into = value;
}

void read_size(const Node& node, const Reading& reading, Zero zero, std::uint64_t& into) {
  std::uint64_t value = 0;
  if (!take(node, reading, parse_size, "a size such as 64KiB", value)) return;
  if (zero == Zero::refused && value == 0)
    return reading.mistake(node,
                           "0 is not allowed here: it would mean no bound, and one is needed");
  into = value;
}

void read_integer(const Node& node, const Reading& reading, std::uint64_t least, std::uint64_t most,
                  std::uint64_t& into) {
  std::uint64_t value = 0;
  if (!take(node, reading, parse_integer, "a whole number", value)) return;
  if (value < least || value > most)
    return reading.mistake(
        node, node.text + " is not from " + std::to_string(least) + " to " + std::to_string(most));
  into = value;
}

void read_percentage(const Node& node, const Reading& reading, std::uint32_t& into) {
  take(node, reading, parse_percentage, "a percentage such as 25%", into);
}

void read_rate(const Node& node, const Reading& reading, Rate& into) {
  take(node, reading, parse_rate, "a rate such as 200/s", into);
}

void read_boolean(const Node& node, const Reading& reading, bool& into) {
  take(node, reading, parse_boolean, "true or false", into);
}

void read_text(const Node& node, const Reading& reading, std::string& into) {
  if (const std::string* text = scalar_of(node, reading, "text")) into = *text;
}

void read_texts(const Node& node, const Reading& reading, std::vector<std::string>& into) {
  into.clear();
  for_each_text(node, reading, [&](const Node&, const std::string& text) { into.push_back(text); });
}

void for_each_text(const Node& node, const Reading& reading,
                   const std::function<void(const Node& item, const std::string& text)>& visit) {
  if (node.is_scalar()) {
    if (const std::string* text = scalar_of(node, reading, "text")) visit(node, *text);
    return;
  }
  if (!node.is_list()) return reading.mistake(node, wrong_kind(node, "text or a list of texts"));
  for (const NodePtr& item : node.items)
    if (const std::string* text = scalar_of(*item, reading, "text")) visit(*item, *text);
}

void read_word(const Node& node, const Reading& reading, const std::vector<std::string_view>& words,
               const std::function<void(std::size_t)>& chosen) {
  const std::string* text = scalar_of(node, reading, "one word");
  if (!text) return;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == *text) return chosen(i);
  reading.mistake(node, none_of(*text, words));
}

void not_yet(const Node& node, const Reading& reading, std::string_view what) {
  reading.mistake(node, "\"" + std::string(what) + "\" is not yet in this version");
}

}  // namespace config
