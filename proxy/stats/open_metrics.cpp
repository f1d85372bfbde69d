#include "proxy/stats/open_metrics.hpp"

#include <algorithm>

namespace stats {
namespace {

constexpr std::string_view counter_suffix = "_total";

// `# HELP NAME ...` or `# TYPE NAME ...`, of the family.
void append_description(std::string& out, std::string_view line) {
  const std::size_t begin = line.find(' ', 2) + 1;
  const std::size_t end = std::min(line.find(' ', begin), line.size());
  std::string_view name = line.substr(begin, end - begin);
  const bool is_counter = name.ends_with(counter_suffix);
  if (is_counter) name.remove_suffix(counter_suffix.size());
  std::string_view rest = line.substr(end);
  if (!is_counter && rest == " counter") rest = " unknown";
  out.append(line.substr(0, begin)).append(name).append(rest) += '\n';
}

}  // namespace

std::string open_metrics(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 16);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with("# HELP ") || line.starts_with("# TYPE "))
      append_description(out, line);
    else
      out.append(line) += '\n';
  }
  return out + "# EOF\n";
}

}  // namespace stats
