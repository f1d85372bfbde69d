// What one worker has of one listener at a moment. Changed by the worker's thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace server {

struct alignas(64) ListenerCounts {
  std::atomic<std::int64_t> exchanges{0};
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> refused{0};  // connections, by limits
  std::atomic<std::int64_t> dropped{0};  // datagrams
};

// Those of all workers. A listener keeps them through every reload that keeps its name.
using CountsByWorker = std::shared_ptr<ListenerCounts[]>;

inline void change(std::atomic<std::int64_t>& count, std::int64_t by) {
  count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

}  // namespace server
