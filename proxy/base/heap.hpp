// How the process's heap treats what is freed. glibc puts small pieces aside and joins them with their
// neighbours later, all at once: whoever frees something large then waits for as many as there are, and
// many thousands of them cost more than a worker's turn may last. Any thread, before there are others.
#pragma once

namespace base {

// From now on each is joined when it is freed.
void join_freed_memory_at_once();

}  // namespace base
