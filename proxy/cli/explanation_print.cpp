// An explanation for people, and for programs. See explanation.hpp.
#include "proxy/base/json.hpp"
#include "proxy/cli/explanation.hpp"

#include <algorithm>

namespace cli {
namespace {

// In columns: `text` is filled up with blanks, and there is at least one.
std::string filled(std::string text, std::size_t column) {
  text.resize(std::max(text.size() + 1, column), ' ');
  return text;
}

std::string or_default(const std::string& place) {
  return place.empty() ? "default" : place;
}

void print_routes(std::string& out, const ExplainedListener& listener) {
  for (const ExplainedRoute& route : listener.routes) {
    const bool is_behind = !route.is_taken && route.why_not.empty();
    out += filled("  route " + route.name, 28);
    out += filled(route.is_taken ? "yes"
                  : is_behind    ? "no: an earlier one takes it"
                                 : "no: " + route.why_not,
                  route.place.empty() ? 0 : 52);
    out += route.place + '\n';
  }
}

void print_filters(std::string& out, const std::vector<ExplainedFilter>& filters) {
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const ExplainedFilter& filter = filters[i];
    out += filled("    " + std::to_string(i + 1) + ". " + filter.name, 28) + filled(filter.of, 52) +
           or_default(filter.place) + '\n';
    for (const Setting& setting : filter.settings)
      out += filled(filled("         " + setting.name, 38) + setting.value, 80) +
             or_default(setting.place) + '\n';
  }
}

void print_way(std::string& out, const ExplainedWay& way) {
  if (!way.filters.empty()) out += "  filters, in the order in which they run\n";
  print_filters(out, way.filters);
  if (way.cluster.empty()) return;
  const std::string share = way.share.empty() ? "" : " (" + way.share + ')';
  out += filled("  cluster " + way.cluster + share, 80) + way.place + '\n';
  for (const std::string& endpoint : way.endpoints) out += "    endpoint " + endpoint + '\n';
  out += "    sent as  " + way.host + way.path + '\n';
}

void write_settings(base::JsonWriter& json, const std::vector<Setting>& settings) {
  json.key("settings").open('{');
  for (const Setting& setting : settings)
    json.key(setting.name)
        .open('{')
        .text("value", setting.value)
        .text("at", or_default(setting.place))
        .close('}');
  json.close('}');
}

void write_way(base::JsonWriter& json, const ExplainedWay& way) {
  json.open('{');
  if (!way.cluster.empty()) json.text("cluster", way.cluster).text("at", way.place);
  if (!way.share.empty()) json.text("share", way.share);
  json.key("filters").open('[');
  for (const ExplainedFilter& filter : way.filters) {
    json.open('{').text("filter", filter.name).text("of", filter.of);
    json.text("at", or_default(filter.place));
    write_settings(json, filter.settings);
    json.close('}');
  }
  json.close(']').key("endpoints").open('[');
  for (const std::string& endpoint : way.endpoints) json.text(endpoint);
  json.close(']');
  if (!way.cluster.empty()) json.text("host", way.host).text("path", way.path);
  json.close('}');
}

}  // namespace

std::string explanation_text(const std::vector<ExplainedListener>& listeners) {
  std::string out;
  for (const ExplainedListener& listener : listeners) {
    if (!out.empty()) out += '\n';
    out += filled("listener " + listener.name, 80) + listener.place + '\n';
    if (!listener.refused.empty()) {
      out += "  refused with " + listener.refused + '\n';
      continue;
    }
    print_routes(out, listener);
    if (listener.ways.empty()) out += "  no route takes it: 404 no_route\n";
    for (const ExplainedWay& way : listener.ways) print_way(out, way);
    if (!listener.answer.empty()) out += "  the route " + listener.answer + '\n';
  }
  return out;
}

std::string explanation_json(const std::vector<ExplainedListener>& listeners) {
  base::JsonWriter json;
  json.open('{').key("listeners").open('[');
  for (const ExplainedListener& listener : listeners) {
    json.open('{').text("listener", listener.name).text("at", listener.place);
    if (!listener.refused.empty()) json.text("refused", listener.refused);
    json.key("routes").open('[');
    for (const ExplainedRoute& route : listener.routes) {
      json.open('{').text("route", route.name).text("at", route.place);
      json.boolean("taken", route.is_taken);
      if (!route.why_not.empty()) json.text("why_not", route.why_not);
      json.close('}');
    }
    json.close(']').key("ways").open('[');
    for (const ExplainedWay& way : listener.ways) write_way(json, way);
    json.close(']');
    if (!listener.answer.empty()) json.text("answer", listener.answer);
    json.close('}');
  }
  return json.close(']').close('}').take();
}

}  // namespace cli
