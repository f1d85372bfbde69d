// Targets, authorities, fields and links: what is accepted has the form that the rest relies on, and
// a normal path stays as it is.
#include "proxy/base/field_names.hpp"
#include "proxy/http/hinted_links.hpp"
#include "proxy/http/target.hpp"
#include "tests/fuzz/pieces.hpp"

#include <algorithm>

namespace {

bool has_dot_segment(std::string_view path) {
  path = path.substr(0, path.find('?'));
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view segment = path.substr(0, path.find('/'));
    if (segment == "." || segment == "..") return true;
    path.remove_prefix(segment.size());
  }
  return false;
}

void check_path(std::string_view path) {
  if (!http::valid_path(path)) return;
  fuzz::require(path.find_first_of(" \t\r\n\\#") == path.npos, "a clean path");
  const std::optional<std::string> normal = http::normalize_path(path);
  if (!normal) return;
  fuzz::require(http::valid_path(*normal), "a normal path is valid");
  fuzz::require(!has_dot_segment(*normal), "a normal path has no dot segments");
  fuzz::require(normal->size() <= path.size() + 1, "a normal path is no longer");
  const std::optional<std::string> again = http::normalize_path(*normal);
  fuzz::require(again.has_value(), "a normal path can be normalized");
  fuzz::require_same(*normal, *again, "normal once and twice");
}

void check_authority(std::string_view authority) {
  if (!http::valid_authority(authority)) return;
  fuzz::require(authority.find_first_of("@/\\?#, %\r\n\t") == authority.npos, "a clean authority");
  const http::Authority parts = http::split_authority(authority);
  fuzz::require(!parts.host.empty() && authority.starts_with(parts.host), "a host");
  fuzz::require(parts.port.has_value() == (parts.host.size() < authority.size()), "a port or none");
}

void check_field(std::string_view text) {
  const bool has_controls = std::any_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 32 && c != '\t') || byte == 127;
  });
  fuzz::require(http::valid_field_value(text) == !has_controls, "no controls in a value");
  if (base::is_token(text)) fuzz::require(!has_controls, "no controls in a name");
}

// What was found is a part of the value, in its order, and is found again by itself.
void check_links(std::string_view value) {
  const char* behind = value.data();
  for (const std::string_view link : http::hinted_links(value)) {
    fuzz::require(link.data() >= behind && link.front() == '<', "a link of the value");
    behind = link.data() + link.size();
    const std::vector<std::string_view> alone = http::hinted_links(link);
    fuzz::require(alone.size() == 1 && alone.front() == link, "a link by itself");
  }
  fuzz::require(behind <= value.data() + value.size(), "within the value");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  check_path(text);
  check_path("/" + std::string(text));
  check_authority(text);
  check_field(text);
  check_links(text);
  return 0;
}
