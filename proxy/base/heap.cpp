#include "proxy/base/heap.hpp"

#include <malloc.h>

namespace base {

void join_freed_memory_at_once() {
  ::mallopt(M_MXFAST, 0);
}

}  // namespace base
