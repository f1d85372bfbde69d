#include "config/rows.hpp"

namespace config {

Between between(const Row& row) {
  if (row.name == "listeners" || row.name == "clusters" || row.name == "services")
    return Between::names;
  const bool is_list = row.name == "routes" || row.name == "endpoints" ||
                       row.name == "requests" || row.name == "events";
  return is_list && !row.rows.empty() ? Between::dashes : Between::nothing;
}

std::string kind_of(const Row& row) {
  return row.words.empty() ? std::string(row.type) : "one of " + listed(row.words);
}

std::string default_of(const Row& row) {
  if (!row.fallback.empty() || !row.value) return std::string(row.fallback);
  std::string printed = print_yaml(*row.value);
  printed.pop_back();
  return printed;
}

bool is_in_words(std::string_view fallback) {
  return fallback.find(' ') != fallback.npos && fallback[0] != '[';
}

}  // namespace config
