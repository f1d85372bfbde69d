#include "proxy/http/hinted_links.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace http {
namespace {

// Where the next `separator` stands, or the end: not within <> or quotes.
std::size_t end_of_part(std::string_view text, char separator) {
  char closing = '\0';  // of what it is within
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (closing != '\0') {
      if (c == '\\' && closing == '"')
        ++at;
      else if (c == closing)
        closing = '\0';
    } else if (c == '<') {
      closing = '>';
    } else if (c == '"') {
      closing = '"';
    } else if (c == separator) {
      return at;
    }
  }
  return text.size();
}

std::string_view take_part(std::string_view& text, char separator) {
  const std::size_t end = end_of_part(text, separator);
  const std::string_view part = base::trim(text.substr(0, end));
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

// One relation, or several in quotes.
bool names_hint(std::string_view relations) {
  if (relations.size() >= 2 && relations.front() == '"' && relations.back() == '"')
    relations = relations.substr(1, relations.size() - 2);
  while (!relations.empty()) {
    const std::string_view each = take_part(relations, ' ');
    if (base::same_ignoring_case(each, "preload") || base::same_ignoring_case(each, "preconnect"))
      return true;
  }
  return false;
}

bool is_hint(std::string_view link) {
  const std::string_view target = take_part(link, ';');
  if (target.size() < 3 || target.front() != '<' || target.back() != '>') return false;
  while (!link.empty()) {
    const std::string_view parameter = take_part(link, ';');
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    if (!base::same_ignoring_case(base::trim(parameter.substr(0, equals)), "rel")) continue;
    if (equals == parameter.size()) return false;
    return names_hint(base::trim(parameter.substr(equals + 1)));  // the first counts
  }
  return false;
}

}  // namespace

std::vector<std::string_view> hinted_links(std::string_view value) {
  std::vector<std::string_view> links;
  while (!value.empty()) {
    const std::string_view link = take_part(value, ',');
    if (is_hint(link)) links.push_back(link);
  }
  return links;
}

}  // namespace http
