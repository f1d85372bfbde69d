#include "proxy/cli/json_value.hpp"

#include "proxy/cli/terminal.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cstdio>

namespace cli {

Json parse_json(std::string_view text) {
  boost::system::error_code problem;
  Json parsed = boost::json::parse({text.data(), text.size()}, problem);
  return problem ? Json() : parsed;
}

const Json& member(const Json& of, std::string_view name) {
  static const Json none;
  const Json* found =
      of.is_object() ? of.get_object().if_contains({name.data(), name.size()}) : nullptr;
  return found ? *found : none;
}

const boost::json::array& items(const Json& of, std::string_view name) {
  static const boost::json::array none;
  const Json& found = member(of, name);
  return found.is_array() ? found.get_array() : none;
}

namespace {

// As people write it: at most three decimals, and none that say nothing.
std::string in_decimals(double value) {
  char text[64];
  const int length = std::snprintf(text, sizeof text, "%.3f", value);
  std::string_view all(text, static_cast<std::size_t>(length));
  while (all.ends_with('0')) all.remove_suffix(1);
  if (all.ends_with('.')) all.remove_suffix(1);
  return std::string(all);
}

}  // namespace

std::string text(const Json& of, std::string_view name) {
  const Json& found = member(of, name);
  if (found.is_null()) return {};
  if (found.is_double()) return in_decimals(found.get_double());
  if (!found.is_string()) return boost::json::serialize(found);
  const boost::json::string& value = found.get_string();
  return harmless({value.data(), value.size()});
}

std::int64_t number(const Json& of, std::string_view name) {
  const Json& found = member(of, name);
  if (found.is_int64()) return found.get_int64();
  if (found.is_uint64()) return static_cast<std::int64_t>(found.get_uint64());
  return found.is_double() ? static_cast<std::int64_t>(found.get_double()) : 0;
}

}  // namespace cli
