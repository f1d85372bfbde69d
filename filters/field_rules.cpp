#include "filters/field_rules.hpp"

#include "config/words.hpp"

namespace filters {

std::string forbidden(std::string_view name) {
  if (name == "host") return "host is changed by `rewrite: {host: ...}` of a route";
  return config::field_problem(name);
}

}  // namespace filters
