#include "proxy/observe/tap.hpp"

#include "proxy/base/log.hpp"
#include "proxy/observe/described_exchange.hpp"

#include <algorithm>
#include <utility>

namespace observe {

Tap::Watcher::Watcher(Tap& tap, std::shared_ptr<const config::Expression> when,
                      std::function<void()> woken)
    : tap_(tap), when_(std::move(when)), woken_(std::move(woken)) {
  const std::lock_guard lock(tap_.mutex_);
  tap_.watchers_.push_back(this);
  tap_.watchers_count_.fetch_add(1, std::memory_order_relaxed);
}

Tap::Watcher::~Watcher() {
  const std::lock_guard lock(tap_.mutex_);
  std::erase(tap_.watchers_, this);
  tap_.watchers_count_.fetch_sub(1, std::memory_order_relaxed);
}

Tap::Watcher::Taken Tap::Watcher::take() {
  const std::lock_guard lock(tap_.mutex_);
  is_told_ = false;
  return std::exchange(waiting_, {});
}

void Tap::offer(const http::StreamInfo& info, const AccessRecord& record) {
  const DescribedExchange described(info, record);
  std::string line;
  const std::lock_guard lock(mutex_);
  for (Watcher* watcher : watchers_) {
    if (watcher->when_ && !watcher->when_->holds_for(described)) continue;
    if (watcher->waiting_.lines.size() == Watcher::most_waiting) {
      ++watcher->waiting_.lost;
      continue;
    }
    if (line.empty())
      append_json_line(line, info, record, base::timestamp(info.loop.wall(info.started)),
                       described.text(config::ExchangeField::source));
    watcher->waiting_.lines.push_back(line);
    if (!std::exchange(watcher->is_told_, true)) watcher->woken_();
  }
}

}  // namespace observe
