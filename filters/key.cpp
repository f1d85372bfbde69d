#include "filters/key.hpp"

#include <algorithm>
#include <functional>

namespace filters {
namespace {

// Of one selector's value. A longer one is told by its beginning and a hash: a client that makes
// two values collide only shares a limit with itself.
constexpr std::size_t longest_part = 128;

std::string_view shortened(std::string_view part, std::string& room) {
  if (part.size() <= longest_part) return part;
  room.assign(part.substr(0, longest_part - 1));
  room.append("#").append(std::to_string(std::hash<std::string_view>{}(part)));
  return room;
}

}  // namespace

std::string Key::add(std::string_view text) {
  http::Selector::Parsed parsed = http::Selector::parse(text);
  if (!parsed.selector) return std::move(parsed.problem);
  selectors_.push_back(std::move(*parsed.selector));
  texts_.emplace_back(text);
  return {};
}

bool Key::needs_route() const {
  return std::any_of(selectors_.begin(), selectors_.end(),
                     [](const http::Selector& each) { return each.needs_route(); });
}

// Joined parts stand behind their lengths, so that no two lists of parts look alike.
std::string_view Key::of(const http::Request& request, std::string& room) const {
  if (selectors_.empty()) return {};
  if (selectors_.size() == 1)
    return shortened(selectors_.front().of(request).value_or(std::string_view()), room);
  room.clear();
  std::string part_room;
  for (const http::Selector& selector : selectors_) {
    const std::string_view part =
        shortened(selector.of(request).value_or(std::string_view()), part_room);
    room += static_cast<char>(part.size());
    room += part;
  }
  return room;
}

void read_key(const config::Node& node, const config::Reading& reading, Key& into) {
  into = Key();
  config::for_each_text(node, reading, [&](const config::Node& item, const std::string& text) {
    if (std::string problem = into.add(text); !problem.empty())
      reading.mistake(item, std::move(problem));
  });
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "a key of nothing: leave `key` out if all requests are alike");
}

config::NodePtr write_key(const Key& key) {
  if (key.is_empty()) return nullptr;
  return key.texts().size() == 1 ? config::scalar(key.texts().front())
                                 : config::list_of(key.texts());
}

}  // namespace filters
