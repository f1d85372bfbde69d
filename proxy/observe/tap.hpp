// Shows exchanges to whoever looks, as they end: each a line as in the access log. While nobody
// looks an exchange costs one look at a number. A watcher that does not read fast enough loses
// lines, which are counted. Workers offer, one thread (control's) watches.
#pragma once

#include "config/expression.hpp"
#include "proxy/observe/access_log.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace observe {

class Tap {
 public:
  class Watcher {
   public:
    // `woken` is called by a worker's thread, once after each take(), when there is something.
    Watcher(Tap& tap, std::shared_ptr<const config::Expression> when, std::function<void()> woken);
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher();

    // What has come since the last time, a line each; and how many were lost.
    struct Taken {
      std::vector<std::string> lines;
      std::uint64_t lost = 0;
    };
    Taken take();

   private:
    friend class Tap;
    static constexpr std::size_t most_waiting = 1000;

    Tap& tap_;
    const std::shared_ptr<const config::Expression> when_;  // null = all
    const std::function<void()> woken_;
    Taken waiting_;  // under the tap's mutex
    bool is_told_ = false;
  };

  bool is_watched() const { return watchers_count_.load(std::memory_order_relaxed) > 0; }
  void offer(const http::StreamInfo& info, const AccessRecord& record);

 private:
  std::atomic<int> watchers_count_{0};
  std::mutex mutex_;
  std::vector<Watcher*> watchers_;
};

}  // namespace observe
