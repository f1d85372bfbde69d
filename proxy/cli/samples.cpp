#include "proxy/cli/samples.hpp"

#include <algorithm>
#include <cstdlib>

namespace cli {
namespace {

// `name="value",...` up to the `}`; returns what is behind it.
std::string_view take_labels(std::string_view rest, Sample& into) {
  while (!rest.empty() && rest[0] != '}') {
    const std::size_t equals = rest.find("=\"");
    if (equals == rest.npos) return {};
    std::string& value = into.labels[std::string(rest.substr(0, equals))];
    rest.remove_prefix(equals + 2);
    while (!rest.empty() && rest[0] != '"') {
      if (rest[0] == '\\' && rest.size() > 1) rest.remove_prefix(1);
      value += rest[0];
      rest.remove_prefix(1);
    }
    rest.remove_prefix(std::min<std::size_t>(rest.size(), 1));
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
  return rest.empty() ? rest : rest.substr(1);
}

}  // namespace

std::string_view Sample::label(std::string_view which) const {
  const auto found = labels.find(which);
  return found == labels.end() ? std::string_view() : found->second;
}

std::vector<Sample> parse_samples(std::string_view text) {
  std::vector<Sample> all;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::size_t end = line.find_first_of("{ ");
    if (line.empty() || line[0] == '#' || end == line.npos) continue;
    Sample sample;
    sample.name = line.substr(0, end);
    std::string_view rest = line.substr(end);
    if (rest[0] == '{') rest = take_labels(rest.substr(1), sample);
    sample.value = std::atof(std::string(rest).c_str());
    all.push_back(std::move(sample));
  }
  return all;
}

}  // namespace cli
