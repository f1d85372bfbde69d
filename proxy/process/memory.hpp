// How much memory the process uses. Blocks are counted to the byte; what
// heads, tables and libraries hold shows only in what is resident, so the larger of the two counts.
// Control's thread.
#pragma once

#include "proxy/base/time.hpp"

#include <cstddef>

namespace process {

class MemoryUse {
 public:
  explicit MemoryUse(std::size_t limit) : limit_(limit) {}

  // Bytes in use. Near the limit, what was freed and not given back is given back first.
  std::size_t look(base::Time now);

 private:
  std::size_t limit_;
  base::Time may_trim_ = base::Time::min();
};

}  // namespace process
