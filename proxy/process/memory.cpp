#include "proxy/process/memory.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/bytes.hpp"

#include <algorithm>
#include <fstream>
#include <malloc.h>
#include <unistd.h>

namespace process {
namespace {

constexpr std::chrono::seconds between_trims{2};

// Without what is mapped from files. A sanitizer's own memory would drown the rest.
std::size_t resident() {
#ifdef OUTRIDER_SANITIZED
  return 0;
#else
  std::ifstream file("/proc/self/statm");
  std::size_t all = 0;
  std::size_t present = 0;
  std::size_t shared = 0;
  file >> all >> present >> shared;
  return (present - std::min(present, shared)) * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
#endif
}

void take_least(std::optional<std::size_t>& least, const std::string& file) {
  std::ifstream in(file);
  std::string text;
  if (!(in >> text)) return;
  const auto limit = base::parse_decimal<std::uint64_t>(text);  // "max" is none
  if (limit && (!least || *limit < *least)) least = static_cast<std::size_t>(*limit);
}

}  // namespace

std::size_t MemoryUse::look(base::Time now) {
  const std::size_t blocks = base::block_bytes_in_use();
  std::size_t in_use = resident();
  const std::size_t tight = limit_ / 10 * 9;
  if (in_use > tight && blocks <= tight && now >= may_trim_) {
    may_trim_ = now + between_trims;
    malloc_trim(0);
    in_use = resident();
  }
  return std::max(blocks, in_use);
}

std::optional<std::size_t> cgroup_memory(const std::string& root, const std::string& own) {
  std::optional<std::size_t> least;
  take_least(least, root + "/memory.max");
  take_least(least, root + "/memory/memory.limit_in_bytes");
  std::ifstream groups(own);
  for (std::string line; std::getline(groups, line);) {
    // hierarchy:controllers:path
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    if (controllers.empty()) take_least(least, root + path + "/memory.max");
    if (controllers == "memory")
      take_least(least, root + "/memory" + path + "/memory.limit_in_bytes");
  }
  return least;
}

}  // namespace process
