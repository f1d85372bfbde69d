// `outrider explain METHOD URL FILE`: the words of the command line as a request.
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/cli/explanation.hpp"
#include "proxy/http/target.hpp"

#include <algorithm>
#include <cstdio>

namespace cli {
namespace {

// What is wrong, or "".
std::string read_url(std::string_view url, http::RequestHead& head) {
  const std::size_t scheme = url.find("://");
  const std::string_view name = scheme == url.npos ? std::string_view() : url.substr(0, scheme);
  if (scheme != url.npos && name != "http" && name != "https")
    return "a URL begins with http:// or https://, or is a path alone";
  head.scheme = name == "https" ? "https" : "http";
  if (scheme != url.npos) url.remove_prefix(scheme + 3);
  const std::size_t path = std::min(url.find_first_of("/?"), url.size());
  head.authority = url.substr(0, path);
  const std::string target(url.substr(path));
  head.path = target.starts_with('/') ? target : "/" + target;
  if (!head.authority.empty() && !http::valid_authority(head.authority))
    return "\"" + std::string(head.authority) + "\" is not host or host:port";
  if (!http::valid_path(head.path))
    return "\"" + std::string(head.path) +
           "\" is not a path: escape what it cannot hold, a blank as %20";
  return {};
}

std::string read_header(std::string_view line, http::RequestHead& head) {
  const std::size_t colon = line.find(':');
  const std::string name = base::lower_case(base::trim(line.substr(0, colon)));
  if (colon == line.npos || !base::is_token(name))
    return "\"" + std::string(line) + "\" is no header field: write -H 'name: value'";
  const std::string_view value = base::trim(line.substr(colon + 1));
  if (name == "host")
    head.authority = value;
  else
    head.headers.add(name, value);
  return {};
}

std::string read_words(const Call& call, Asked& asked) {
  const std::string& method = call.words[0];
  if (!base::is_token(method)) return "\"" + method + "\" is not a method such as GET";
  asked.head.method = http::method_from(method);
  if (asked.head.method == http::Method::other) asked.head.other_method = method;
  if (std::string problem = read_url(call.words[1], asked.head); !problem.empty()) return problem;
  for (const std::string& line : call.all("--header"))
    if (std::string problem = read_header(line, asked.head); !problem.empty()) return problem;
  if (asked.head.method == http::Method::connect) asked.head.path = {};
  if (const std::string* listener = call.find("--listener")) asked.listener = *listener;
  return {};
}

}  // namespace

int explain(const Call& call) {
  Asked asked;
  if (const std::string problem = read_words(call, asked); !problem.empty()) return misuse(problem);
  const config::Loaded loaded = config::load(call.words[2], filters::specs());
  for (const config::Mistake& mistake : loaded.mistakes)
    std::fprintf(stderr, "%s\n", mistake.to_string().c_str());
  if (!loaded.config) return failed;
  const std::vector<ExplainedListener> all = explain(loaded, asked);
  if (all.empty())
    return misuse(asked.listener.empty()
                      ? "no listener of the file takes requests"
                      : "no listener \"" + asked.listener + "\" of the file takes requests");
  const std::string text = call.has("--json") ? explanation_json(all) : explanation_text(all);
  std::fwrite(text.data(), 1, text.size(), stdout);
  const bool is_taken = std::any_of(all.begin(), all.end(), [](const ExplainedListener& listener) {
    return !listener.ways.empty();
  });
  return is_taken ? done : failed;
}

}  // namespace cli
