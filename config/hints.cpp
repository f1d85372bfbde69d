#include "config/hints.hpp"

#include "config/filter_spec.hpp"
#include "config/parse.hpp"

#include <algorithm>

namespace config {
namespace {

struct Hint {
  std::string_view elsewhere, here;
};

// Words of other proxies' configurations, and ours for the same thing.
constexpr Hint hints[] = {
    {"upstreams", "clusters"},
    {"upstream", "clusters"},
    {"backends", "clusters"},
    {"backend", "clusters"},
    {"services", "clusters"},
    {"servers", "endpoints"},
    {"hosts", "endpoints"},
    {"targets", "endpoints"},
    {"addresses", "endpoints"},
    {"frontends", "listeners"},
    {"entrypoints", "listeners"},
    {"listen", "bind"},
    {"address", "bind"},
    {"proxy_pass", "to"},
    {"cluster", "to"},
    {"forward_to", "to"},
    {"uri", "url"},
    {"num_retries", "max_retries"},
    {"attempts", "max_retries"},
    {"perTryTimeout", "attempt_timeout"},
    {"per_try_timeout", "attempt_timeout"},
    {"retryOn", "retry_on"},
    {"domains", "match: { host: ... }"},
    {"prefix", "path: /prefix/*"},
    {"regex", "path_regex"},
    {"methods", "method"},
    {"lb_policy", "load_balancer"},
    {"balance", "load_balancer"},
    {"sni", "server_name"},
    {"certificate", "cert"},
    {"private_key", "key"},
    {"ca_cert", "ca"},
    {"skip_verify", "insecure"},
    {"insecure_skip_verify", "insecure"},
    {"health_check", "health"},
    {"health_checks", "health"},
    {"outlier_detection", "outlier"},
    {"http_filters", "filters"},
    {"middlewares", "filters"},
    {"max_connections", "pool: { connections: ... }"},
    {"timeouts", "filters: [timeout: { ... }]"},
    {"retries", "filters: [retry: { ... }]"},
    {"rate_limit", "throttle"},
    {"ratelimit", "throttle"},
    {"access_logs", "access_log"},
    {"tracing", "trace"},
    {"traces", "trace"},
    {"propagators", "propagation"},
    {"header", "headers"},
    {"port", "bind: ADDRESS:PORT"},
};

std::string listed(const std::vector<std::string>& words, std::string_view last = ", ") {
  std::string list;
  for (const std::string& word : words) {
    if (!list.empty()) list += &word == &words.back() ? last : std::string_view(", ");
    list += word;
  }
  return list;
}

std::string_view elsewhere(std::string_view word) {
  for (const Hint& hint : hints)
    if (hint.elsewhere == word) return hint.here;
  return {};
}

const Key* find(const std::vector<Key>& keys, std::string_view name) {
  const auto found =
      std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  return found == keys.end() ? nullptr : &*found;
}

const FilterSpec* find_filter(const Reading& reading, std::string_view name) {
  for (const FilterSpec* spec : reading.filters)
    if (spec->name == name) return spec;
  return nullptr;
}

std::vector<std::string_view> built(const std::vector<Key>& keys) {
  std::vector<std::string_view> names;
  for (const Key& key : keys)
    if (key.is_built) names.push_back(key.name);
  return names;
}

// What a user calls the map in which a row stands.
std::string called(const Row& row) {
  if (row.name == "listeners") return "a listener";
  if (row.name == "routes") return "a route";
  if (row.name == "clusters") return "a cluster";
  return '`' + std::string(row.name) + '`';
}

void add_places(const std::vector<Row>& rows, const std::string& parent, std::string_view key,
                std::vector<std::string>& places) {
  for (const Row& row : rows) {
    const bool is_new = std::find(places.begin(), places.end(), parent) == places.end();
    if (row.name == key && row.is_built && is_new) places.push_back(parent);
    add_places(row.rows, called(row), key, places);
  }
}

// ": it stands in a listener, a route or a cluster", or "".
std::string right_place(std::string_view key, const Reading& reading) {
  std::vector<std::string> places;
  add_places(root_rows(), "the file's own keys, without indentation", key, places);
  for (const FilterSpec* spec : reading.filters)
    if (spec->is_built)
      add_places(spec->rows(), "the filter `" + std::string(spec->name) + '`', key, places);
  if (places.empty() || places.size() > 4) return {};
  return ": it stands in " + listed(places, " or ");
}

// What a key was meant to be, among those that may stand there; and what is said of it.
struct Meaning {
  std::string_view key;  // "" = none
  std::string message;
};

// Without U+00A0 and its like before it.
std::string_view without_odd_blanks(std::string_view key) {
  const std::size_t begin = key.find_first_of("abcdefghijklmnopqrstuvwxyz_");
  const bool is_odd =
      key.starts_with("\xc2\xa0") || key.starts_with("\xe2\x80") || key.starts_with("\xe3\x80\x80");
  return is_odd && begin != key.npos ? key.substr(begin) : key;
}

Meaning meaning_of(std::string_view key, const std::vector<Key>& keys, const Reading& reading) {
  const std::string unknown = "unknown key \"" + std::string(key) + '"';
  if (const std::string_view meant = without_odd_blanks(key); meant.size() < key.size())
    return {meant, "before `" + std::string(meant) +
                       "` stands a character that looks like a blank: write blanks instead"};
  if (const std::string_view here = elsewhere(key); !here.empty()) {
    const Key* same = find(keys, here);
    const FilterSpec* filter = find_filter(reading, here);
    const bool is_later = (same && !same->is_built) || (filter && !filter->is_built);
    if (same || is_later || here.find(':') != here.npos)
      return {same && same->is_built ? here : "",
              unknown + ": here it is `" + std::string(here) + '`' +
                  (is_later ? ", which is not yet in this version" : "")};
  }
  if (const FilterSpec* filter = find_filter(reading, key))
    return {{},
            filter->is_built
                ? unknown + ": it is a filter, and stands in a list: `filters: [{ " +
                      std::string(key) + ": {} }]`"
                : "the filter \"" + std::string(key) + "\" is not yet in this version"};
  if (key.starts_with('-'))
    return {{},
            unknown + ": behind the dash of a list a blank is missing: `- " +
                std::string(key.substr(1)) + "`"};
  const std::string_view near = nearest(key, built(keys));
  if (!near.empty()) return {near, unknown + ", did you mean \"" + std::string(near) + "\"?"};
  const std::string place = right_place(key, reading);
  return {{}, unknown + (place.empty() ? meant_or_known(key, built(keys)) : place)};
}

}  // namespace

Node corrected(const Node& node, const Reading& reading, const std::vector<Key>& keys) {
  Node meant = node;
  const auto is_known = [&](const Node::Entry& entry) { return find(keys, entry.key) != nullptr; };
  if (std::all_of(meant.entries.begin(), meant.entries.end(), is_known)) return meant;
  for (Node::Entry& entry : meant.entries) {
    if (is_known(entry)) continue;
    Meaning meaning;  // not looked for when nobody will read it
    if (!reading.mistakes.is_full()) meaning = meaning_of(entry.key, keys, reading);
    reading.mistakes.add(entry.mark, std::move(meaning.message));
    if (!meaning.key.empty() && !meant.find(meaning.key)) entry.key = meaning.key;
  }
  std::erase_if(meant.entries, [&](const Node::Entry& entry) { return !is_known(entry); });
  return meant;
}

std::string unknown_filter(std::string_view name, const Reading& reading) {
  std::string message = "there is no filter \"" + std::string(name) + '"';
  if (const FilterSpec* here = find_filter(reading, elsewhere(name)))
    return message + ": here it is `" + std::string(here->name) + '`' +
           (here->is_built ? "" : ", which is not yet in this version");
  std::vector<std::string_view> known;
  for (const FilterSpec* spec : reading.filters)
    if (spec->is_built) known.push_back(spec->name);
  return message + meant_or_known(name, known);
}

std::string in_braces(const Node& scalar) {
  return in_braces(scalar.written);
}

std::string in_braces(std::string_view written) {
  const bool is_plain =
      !written.empty() && written.find_first_of(" \t:#,[]{}&*!|>'\"%@`?") == std::string_view::npos;
  return is_plain ? std::string(written) : '"' + std::string(written) + '"';
}

}  // namespace config
