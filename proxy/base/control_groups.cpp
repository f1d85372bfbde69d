#include "proxy/base/control_groups.hpp"

#include "proxy/base/ascii.hpp"

#include <cstdint>
#include <fstream>
#include <string_view>

namespace base {
namespace {

template <typename T> void take_least(std::optional<T>& least, T limit) {
  if (!least || limit < *least) least = limit;
}

std::optional<std::uint64_t> number_in(const std::string& file) {
  std::ifstream in(file);
  std::string text;
  in >> text;
  return parse_decimal<std::uint64_t>(text);  // "max" and "-1" are none
}

// Whether it is one of "cpu,cpuacct".
bool is_among(std::string_view controller, std::string_view list) {
  for (;;) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == controller) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
}

// Calls with "/pods/a", "/pods" and "".
template <typename Visit> void each_above(std::string path, Visit visit) {
  for (;;) {
    while (path.ends_with('/')) path.pop_back();
    visit(path);
    if (path.empty()) return;
    path.resize(path.rfind('/') + 1);
  }
}

}  // namespace

ControlGroups::ControlGroups(const std::string& root, const std::string& own) {
  look_at(root);
  for (const char* controller : {"memory", "cpu"}) look_at_v1(root + '/' + controller, controller);
  std::ifstream groups(own);
  for (std::string line; std::getline(groups, line);) {
    // hierarchy:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos || line[second + 1] != '/') continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    each_above(line.substr(second + 1), [&](const std::string& path) {
      if (controllers.empty()) look_at(root + path);
      for (const char* controller : {"memory", "cpu"})
        if (is_among(controller, controllers))
          look_at_v1(root + '/' + controller + path, controller);
    });
  }
}

void ControlGroups::look_at(const std::string& folder) {
  if (const auto limit = number_in(folder + "/memory.max"))
    take_least(memory_, static_cast<std::size_t>(*limit));
  std::ifstream in(folder + "/cpu.max");
  std::string quota;
  std::string period;
  if (!(in >> quota >> period)) return;
  const auto part = parse_decimal<std::uint64_t>(quota);
  const auto whole = parse_decimal<std::uint64_t>(period);
  if (part && whole && *whole > 0)
    take_least(cpus_, static_cast<double>(*part) / static_cast<double>(*whole));
}

void ControlGroups::look_at_v1(const std::string& folder, const std::string& controller) {
  if (controller == "memory") {
    if (const auto limit = number_in(folder + "/memory.limit_in_bytes"))
      take_least(memory_, static_cast<std::size_t>(*limit));
    return;
  }
  const auto part = number_in(folder + "/cpu.cfs_quota_us");
  const auto whole = number_in(folder + "/cpu.cfs_period_us");
  if (part && whole && *whole > 0)
    take_least(cpus_, static_cast<double>(*part) / static_cast<double>(*whole));
}

}  // namespace base
