#include "proxy/process/memory.hpp"

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

}  // namespace process
