// Where spans go: `trace`.
#include "config/hints.hpp"
#include "config/parse.hpp"
#include "config/words.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace config {
namespace {

constexpr std::string_view usual_path = "/v1/traces";

std::string place_problem(std::string_view text) {
  if (text.find('@') != text.npos)  // and maybe a password: not to be shown
    return "the URL has a user: send `authorization` by `headers`";
  const std::string shown = '"' + std::string(text) + "\" ";
  if (split_host_port(text)) return shown + "has no scheme: write http://" + std::string(text);
  if (text.starts_with("grpc"))
    return shown +
           "is for gRPC, and spans are sent in JSON over HTTP: write http://127.0.0.1:4318/v1/traces";
  return shown + "is not the URL of a collector: write http://127.0.0.1:4318/v1/traces";
}

bool is_path(std::string_view text) {
  const std::size_t query = std::min(text.find('?'), text.size());
  return fits_path(text.substr(0, query)) &&
         std::all_of(text.begin() + static_cast<std::ptrdiff_t>(query), text.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
}

void read_to(const Node& node, const Reading& reading, Trace& into) {
  const std::string* text =
      scalar_of(node, reading, "a URL such as http://127.0.0.1:4318/v1/traces");
  if (!text) return;
  into.is_tls = text->starts_with("https://");
  const std::string_view scheme = into.is_tls ? "https://" : "http://";
  if (!text->starts_with(scheme)) return reading.mistake(node, place_problem(*text));
  const std::string_view rest = std::string_view(*text).substr(scheme.size());
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  const auto place = split_host_port(rest.substr(0, slash));
  const std::string_view path = rest.substr(slash);
  if (!place || (!path.empty() && (path[0] != '/' || !is_path(path))))
    return reading.mistake(node, place_problem(*text));
  into.to = *text;
  into.host = place->host;
  into.port = place->port.value_or(into.is_tls ? 443 : 80);
  into.authority = rest.substr(0, slash);
  into.path = path.size() <= 1 ? usual_path : path;
}

void read_headers(const Node& node, const Reading& reading, Trace& into) {
  into.headers = parse_named_values(node, reading);
  for (const Node::Entry& entry : node.entries) {
    std::string problem = field_problem(entry.key);
    if (problem.empty() && (base::same_ignoring_case(entry.key, "host") ||
                            base::same_ignoring_case(entry.key, "content-type")))
      problem = entry.key + " is written by the proxy alone";
    if (!problem.empty()) reading.mistakes.add(entry.mark, std::move(problem));
  }
}

// What they hold lets in whoever knows it, whatever they are called.
NodePtr without_values(const NodePtr& written, const Trace&) {
  if (!written) return nullptr;
  auto shown = std::make_shared<Node>(*written);
  for (Node::Entry& entry : shown->entries) {
    auto value = std::make_shared<Node>(*entry.value);
    value->is_secret = true;
    entry.value = std::move(value);
  }
  return shown;
}

void read_propagation(const Node& node, const Reading& reading, Trace& into) {
  into.propagation.clear();
  for_each_text(node, reading, [&](const Node& item, const std::string& word) {
    if (word != "w3c" && word != "b3")
      return reading.mistake(item, none_of(word, {"w3c", "b3"}));
    const Propagation read = word == "w3c" ? Propagation::w3c : Propagation::b3;
    if (std::count(into.propagation.begin(), into.propagation.end(), read) > 0)
      return reading.mistake(item, '"' + word + "\" stands there twice");
    into.propagation.push_back(read);
  });
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "at least one of w3c, b3 is needed");
}

NodePtr write_propagation(const Trace& trace) {
  std::vector<std::string> words;
  for (const Propagation each : trace.propagation)
    words.emplace_back(each == Propagation::w3c ? "w3c" : "b3");
  return list_of(words);
}

const Table<Trace>& trace_table() {
  static const Table<Trace> table = [] {
    Field<Trace> headers{"headers", "a map", "",
                         "of each request to the collector, as in `authorization: \"${TOKEN}\"`; "
                         "their values are never shown",
                         read_headers};
    headers.complete = without_values;
    Field<Trace> tls = nested("tls", &Trace::tls, client_tls_table(),
                              "of an https:// collector, which is verified");
    tls.read = [](const Node& node, const Reading& reading, Trace& into) {
      read_client_tls(node, reading, into.tls.emplace());
    };
    return Table<Trace>{
        required(Field<Trace>{"to", "a URL", "",
                              "the collector, which takes OTLP in JSON over HTTP, as in "
                              "`http://127.0.0.1:4318/v1/traces`",
                              read_to}),
        percentage("sample", &Trace::sample, "1%",
                   "of the traces that begin here, by their id; of others the caller decides, if "
                   "it is the app or one of `forwarded.trust`; those may also ask for one by "
                   "`x-outrider-trace: 1`"),
        std::move(headers),
        {"propagation", "w3c, b3 or a list of them", "[w3c]",
         "by which fields a request says its trace, the first that does: traceparent, or b3 and "
         "x-b3-*; traceparent is always handed on, the others where they came",
         read_propagation, write_propagation},
        std::move(tls),
    };
  }();
  return table;
}

}  // namespace

Field<Config> trace() {
  Field<Config> field =
      nested("trace", &Config::trace, trace_table(),
             "spans of requests, over OTLP: a server's for each, also one that is refused, and a "
             "client's for each attempt, also of a mirror; none of `tcp` and `udp` sessions");
  field.read = [](const Node& node, const Reading& reading, Config& into) {
    Trace& trace = into.trace.emplace();
    trace.mark = node.mark;
    read_table(node, reading, trace_table(), trace);
    if (const Node::Entry* to = node.entry("to")) {
      trace.mark = to->value->mark;
      trace.places[trace.to] = to->value->mark;
    }
    const Node::Entry* tls = node.entry("tls");
    if (tls && !trace.is_tls && !trace.to.empty())
      reading.mistakes.add(tls->mark, "`tls` goes with an https:// collector");
  };
  return field;
}

}  // namespace config
