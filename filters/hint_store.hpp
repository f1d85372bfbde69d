// Which links the last answer of each path had, for all workers; the path that was least recently
// asked for is forgotten first. Any thread; the lock is held for a look-up.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace filters {

using Hints = std::vector<std::string>;

class HintStore {
 public:
  explicit HintStore(std::size_t most) : most_(most) {}

  std::shared_ptr<const Hints> find(std::string_view path) {
    const std::lock_guard lock(mutex_);
    const auto found = by_path_.find(path);
    if (found == by_path_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->hints;
  }

  // None: there is nothing to know of the path.
  void put(std::string path, Hints hints) {
    const std::lock_guard lock(mutex_);
    const auto found = by_path_.find(path);
    if (found != by_path_.end()) {
      if (*found->second->hints == hints) return;
      const auto old = found->second;
      by_path_.erase(found);
      recent_.erase(old);
    }
    if (hints.empty()) return;
    recent_.push_front({std::move(path), std::make_shared<const Hints>(std::move(hints))});
    by_path_.emplace(recent_.front().path, recent_.begin());
    if (recent_.size() <= most_) return;
    by_path_.erase(recent_.back().path);
    recent_.pop_back();
  }

 private:
  struct Entry {
    std::string path;
    std::shared_ptr<const Hints> hints;
  };

  const std::size_t most_;
  std::mutex mutex_;
  std::list<Entry> recent_;
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_path_;  // views into recent_
};

}  // namespace filters
