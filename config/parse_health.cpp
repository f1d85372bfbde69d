#include "config/parse_balancing.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <optional>

namespace config {
namespace {

using StatusRange = std::pair<int, int>;

std::optional<int> status_in(std::string_view text) {
  const auto status = base::parse_decimal<unsigned>(text);
  if (text.size() != 3 || !status || *status < 100 || *status > 599) return std::nullopt;
  return static_cast<int>(*status);
}

std::optional<StatusRange> range_in(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto low = status_in(text.substr(0, dash));
  const auto high = dash == text.npos ? low : status_in(text.substr(dash + 1));
  if (!low || !high || *low > *high) return std::nullopt;
  return StatusRange{*low, *high};
}

void read_expect(const Node& node, const Reading& reading, Health& into) {
  into.expect.clear();
  for_each_text(node, reading, [&](const Node& item, const std::string& text) {
    const std::optional<StatusRange> range = range_in(text);
    if (!range)
      return reading.mistake(item, '"' + text + "\" is not a status or a range such as 200-299");
    if (range->first < 400 && range->second >= 300)
      return reading.mistake(item, "a redirect is no sign of health: leave 300-399 out");
    into.expect.push_back(*range);
  });
}

NodePtr write_expect(const Health& health) {
  if (health.path.empty()) return nullptr;
  std::vector<std::string> texts;
  for (const auto& [low, high] : health.expect)
    texts.push_back(low == high ? std::to_string(low)
                                : std::to_string(low) + '-' + std::to_string(high));
  return texts.size() == 1 ? scalar(texts.front()) : list_of(texts);
}

void read_health_path(const Node& node, const Reading& reading, Health& into) {
  const std::string* text = scalar_of(node, reading, "a path");
  if (!text) return;
  const bool is_path =
      text->starts_with('/') && std::all_of(text->begin(), text->end(),
                                            [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
  if (!is_path) return reading.mistake(node, '"' + *text + "\" is not a path such as /healthz");
  into.path = *text;
}

void read_tcp(const Node& node, const Reading& reading, Health& into) {
  read_boolean(node, reading, into.tcp);
  if (node.is_scalar() && node.text == "false") reading.mistake(node, "`tcp` is true, or left out");
}

void read_grpc(const Node& node, const Reading& reading, Health& into) {
  if (const std::string* text = scalar_of(node, reading, "a service, or \"\"")) into.grpc = *text;
}

const Table<Health>& health_table() {
  constexpr std::uint64_t many = 1'000;
  static const Table<Health> table = {
      {"path", "a path", "", "asked by GET; or", read_health_path,
       [](const Health& health) { return health.path.empty() ? nullptr : scalar(health.path); }},
      {"tcp", "true or false", "", "a connection is enough; or", read_tcp,
       [](const Health& health) { return health.tcp ? scalar("true") : nullptr; }},
      {"grpc", "text", "", "asked by grpc.health.v1; \"\" = the whole server", read_grpc,
       [](const Health& health) { return health.grpc ? scalar(*health.grpc) : nullptr; }},
      duration("interval", &Health::interval, "10s", "+-15 %", Zero::refused),
      duration("timeout", &Health::timeout, "1s", "of one check, connecting included",
               Zero::refused),
      integer("healthy_after", &Health::healthy_after, 1, many, "2", "successes in a row"),
      integer("unhealthy_after", &Health::unhealthy_after, 1, many, "3", "failures in a row"),
      {"expect", "text or a list of texts", "200-299", "of `path`; redirects fail",
       read_expect, write_expect},
  };
  return table;
}

void read_health(const Node& node, const Reading& reading, Cluster& into) {
  const Health& health = into.health.emplace();
  read_table(node, reading, health_table(), *into.health);
  if (!node.is_map()) return;
  const Node::Entry* first = nullptr;
  for (const Node::Entry& entry : node.entries) {
    if (entry.key != "path" && entry.key != "tcp" && entry.key != "grpc") continue;
    if (first)
      reading.mistakes.add(
          entry.mark, "`health` has exactly one of `path`, `tcp` and `grpc`, and `" + first->key +
                          "` stands in line " + std::to_string(first->mark.line));
    first = &entry;
  }
  if (!first)
    reading.mistake(node,
                    "`health` says nothing of how to ask: write `path: /healthz`, `tcp: "
                    "true` or `grpc: \"\"`");
  const Node::Entry* expect = node.entry("expect");
  if (expect && health.path.empty())
    reading.mistakes.add(expect->mark, "`expect` is of answers to `path`: leave it out");
}

}  // namespace

Field<Cluster> health() {
  Field<Cluster> field = nested("health", &Cluster::health, health_table(),
                                "each endpoint is asked whether it is well");
  field.read = read_health;
  return field;
}

}  // namespace config
