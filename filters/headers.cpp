// Removes, sets and adds header fields, in that order, on the way up and on the way down.
#include "filters/field_rules.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/http/target.hpp"

namespace filters {
namespace {

using base::Task;
using http::Next;
using http::Reply;
using http::Request;

// A value with {names} in it, cut into pieces when it is read.
class Template {
 public:
  enum class Part : std::uint8_t { text, request_id, source_ip, route, cluster };

  // What is wrong with the text, or "".
  std::string parse(std::string_view written) {
    if (!http::valid_field_value(written)) return "a header's value cannot have line ends or NUL";
    std::string text;
    for (std::size_t i = 0; i < written.size(); ++i) {
      const char c = written[i];
      const bool is_doubled = i + 1 < written.size() && written[i + 1] == c;
      if ((c == '{' || c == '}') && is_doubled) {
        text += c;
        ++i;
      } else if (c == '}') {
        return "\"}\" without \"{\"; a brace is written twice";
      } else if (c == '{') {
        const std::size_t end = written.find('}', i);
        if (end == written.npos) return "\"{\" without \"}\"; a brace is written twice";
        flush(text);
        const std::string_view name = written.substr(i + 1, end - i - 1);
        if (!add(name)) return "there is no {" + std::string(name) + "}: known are {request_id}, "
                               "{source_ip}, {route} and {cluster}";
        i = end;
      } else {
        text += c;
      }
    }
    flush(text);
    return {};
  }

  bool needs_route() const {
    for (const auto& [part, text] : pieces_)
      if (part == Part::route || part == Part::cluster) return true;
    return false;
  }

  void expand(std::string& out, http::StreamInfo& info) const {
    out.clear();
    for (const auto& [part, text] : pieces_) {
      switch (part) {
        case Part::text:
          out += text;
          break;
        case Part::request_id:
          out += info.request_id();
          break;
        case Part::source_ip:
          out += info.source.ip();
          break;
        case Part::route:
          out += info.route;
          break;
        case Part::cluster:
          out += info.cluster;
          break;
      }
    }
  }

 private:
  void flush(std::string& text) {
    if (!text.empty()) pieces_.emplace_back(Part::text, std::exchange(text, {}));
  }
  bool add(std::string_view name) {
    constexpr std::pair<std::string_view, Part> known[] = {{"request_id", Part::request_id},
                                                           {"source_ip", Part::source_ip},
                                                           {"route", Part::route},
                                                           {"cluster", Part::cluster}};
    for (const auto& [word, part] : known) {
      if (word != name) continue;
      pieces_.emplace_back(part, std::string());
      return true;
    }
    return false;
  }

  std::vector<std::pair<Part, std::string>> pieces_;
};

struct Rule {
  std::string name;
  Template value;
};

struct Rules {
  std::vector<std::string> remove;
  std::vector<Rule> set;
  std::vector<Rule> add;

  bool empty() const { return remove.empty() && set.empty() && add.empty(); }
};

struct Options {
  Rules request;
  Rules response;
};

std::string checked_name(std::string_view name, const config::Node& node,
                         const config::Context& context) {
  std::string lower = base::lower_case(name);
  if (std::string problem = forbidden(lower); !problem.empty())
    context.mistake(node, std::move(problem));
  return lower;
}

void read_rules(const config::Node& node, const config::Context& context,
                std::vector<Rule>& into) {
  if (!node.is_map())
    return context.mistake(node, config::wrong_kind(node, "a map of names and values"));
  for (const config::Node::Entry& entry : node.entries) {
    std::vector<std::string> values;
    config::read_texts(*entry.value, context, values);
    for (const std::string& value : values) {
      Rule rule{checked_name(entry.key, *entry.value, context), {}};
      if (std::string problem = rule.value.parse(value); !problem.empty())
        context.mistake(*entry.value, std::move(problem));
      into.push_back(std::move(rule));
    }
  }
}

const config::Table<Rules>& rules_table() {
  using namespace config;
  static const Table<Rules> rows = {
      {"remove", "a list of names", "", "these are taken away",
       [](const Node& node, const Context& context, Rules& into) {
         read_texts(node, context, into.remove);
         for (std::string& name : into.remove) name = checked_name(name, node, context);
       }},
      {"set", "a map", "", "replaces all of that name",
       [](const Node& node, const Context& context, Rules& into) {
         read_rules(node, context, into.set);
       }},
      {"add", "a map", "", "one more of that name",
       [](const Node& node, const Context& context, Rules& into) {
         read_rules(node, context, into.add);
       }},
  };
  return rows;
}

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      nested<Options>("request", &Options::request, rules_table(), "on the way up"),
      nested<Options>("response", &Options::response, rules_table(), "on the way down"),
  };
  return rows;
}

void apply(const Rules& rules, http::Headers& headers, http::StreamInfo& info) {
  for (const std::string& name : rules.remove) headers.remove(name);
  if (rules.set.empty() && rules.add.empty()) return;
  std::string value;
  for (const Rule& rule : rules.set) headers.remove(rule.name);
  for (const Rule& rule : rules.set) {
    rule.value.expand(value, info);
    headers.add(rule.name, value);
  }
  for (const Rule& rule : rules.add) {
    rule.value.expand(value, info);
    headers.add(rule.name, value);
  }
}

class HeadersFilter final : public http::Filter {
 public:
  explicit HeadersFilter(const Options& options) : options_(options) {}

  Task<Reply> handle(Request& request, Next next) override {
    if (!options_.request.empty()) apply(options_.request, request.headers, request.info);
    return options_.response.empty() ? next(request) : with_response(request, next);
  }

 private:
  Task<Reply> with_response(Request& request, Next next) {
    Reply reply = co_await next(request);
    if (reply) apply(options_.response, reply->headers, request.info);
    co_return reply;
  }

  const Options& options_;
};

bool needs_route(const void* of_options) {
  const auto& options = *static_cast<const Options*>(of_options);
  for (const std::vector<Rule>* list : {&options.request.set, &options.request.add})
    for (const Rule& rule : *list)
      if (rule.value.needs_route()) return true;
  return false;
}

constexpr config::FilterSpec spec = {
    .name = "headers",
    .doc = "removes, sets and adds header fields",
    .read = [](const config::Node& node, const config::Context& context) {
      return config::read_options(node, context, table());
    },
    .needs_route = needs_route};

}  // namespace

const Entry headers = {&spec, [](const config::FilterConfig& config, const FilterContext&) {
                         return std::unique_ptr<http::Filter>(
                             std::make_unique<HeadersFilter>(config.as<Options>()));
                       }};

}  // namespace filters
