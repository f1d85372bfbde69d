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
        if (!add(name))
          return "there is no {" + std::string(name) +
                 "}: known are {request_id}, "
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
          out += info.source().ip();
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

void read_rules(const config::Node& node, const config::Reading& reading, std::vector<Rule>& into) {
  if (!node.is_map())
    return reading.mistake(node, config::wrong_kind(node, "a map of names and values"));
  for (const config::Node::Entry& entry : node.entries) {
    std::string name = base::lower_case(entry.key);
    if (std::string problem = forbidden(name); !problem.empty())
      reading.mistakes.add(entry.mark, std::move(problem));
    config::for_each_text(*entry.value, reading,
                          [&](const config::Node& item, const std::string& value) {
                            Rule rule{name, {}};
                            if (std::string problem = rule.value.parse(value); !problem.empty())
                              reading.mistake(item, std::move(problem));
                            into.push_back(std::move(rule));
                          });
  }
}

void read_removed(const config::Node& node, const config::Reading& reading, Rules& into) {
  config::for_each_text(node, reading, [&](const config::Node& item, const std::string& text) {
    std::string name = base::lower_case(text);
    if (std::string problem = forbidden(name); !problem.empty())
      reading.mistake(item, std::move(problem));
    into.remove.push_back(std::move(name));
  });
}

config::Field<Rules> rules(std::string_view name, std::vector<Rule> Rules::*member,
                           std::string_view doc) {
  using namespace config;
  Field<Rules> field{name, "a map", "", doc,
                     [=](const Node& node, const Reading& reading, Rules& into) {
                       read_rules(node, reading, into.*member);
                     }};
  field.complete = [](const NodePtr& written, const Rules&) {
    return without_secret_fields(written);
  };
  return field;
}

const config::Table<Rules>& rules_table() {
  static const config::Table<Rules> rows = {
      {"remove", "a list of names", "", "these are taken away", read_removed},
      rules("set", &Rules::set, "replaces all of that name"),
      rules("add", &Rules::add, "one more of that name"),
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

constexpr config::FilterSpec spec = config::needing_route(
    config::spec_of<table>("headers", "removes, sets and adds header fields"), needs_route);

}  // namespace

const Entry headers = {
    &spec, [](const config::FilterConfig& config, const FilterContext&) {
      return std::unique_ptr<http::Filter>(std::make_unique<HeadersFilter>(config.as<Options>()));
    }};

}  // namespace filters
