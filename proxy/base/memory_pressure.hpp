// Whether memory is short at this moment: what holds bytes only in case they are wanted again lets go
// of them then. Control says above what it is; the blocks of all threads are counted as they are taken,
// to within a MiB a thread, so that what comes at once is seen at once. Any thread.
#pragma once

#include <cstddef>

namespace base {

// So many bytes of blocks; 0 = never.
void memory_is_short_above(std::size_t block_bytes);
bool memory_is_short();

}  // namespace base
