// What a filter's factory is given: where the filter stands, and the state that all workers share.
#pragma once

#include "config/model.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/stats/registry.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace filters {

// Objects of the process by their place and kind; they outlive a worker's filters. Any thread.
class SharedState {
 public:
  template <typename T, typename Make>
  std::shared_ptr<T> get(const std::string& kind, const std::string& place, Make make) {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<void>& held = by_kind_[kind][place];
    if (!held) held = std::shared_ptr<T>(make());
    return std::static_pointer_cast<T>(held);
  }

  // Calls visit(place, object) for each of a kind.
  template <typename T, typename Visit> void each(const std::string& kind, Visit visit) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_kind_.find(kind);
    if (found == by_kind_.end()) return;
    for (const auto& [place, held] : found->second) visit(place, *static_cast<T*>(held.get()));
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::map<std::string, std::shared_ptr<void>>> by_kind_;
};

struct FilterContext {
  std::string place;  // "listener NAME", "route NAME" or "cluster NAME"
  int ordinal = 0;    // of its kind in its list
  base::Loop& loop;
  SharedState& shared;
  stats::Registry& metrics;
  std::size_t shard;  // the worker's, in the metrics and in what all workers count together
  base::Log& log;     // not for each request

  // The place, and which of its kind there.
  std::string place_of_kind() const {
    return ordinal == 0 ? place : place + '#' + std::to_string(ordinal + 1);
  }

  template <typename T, typename Make>
  std::shared_ptr<T> process(const std::string& kind, Make make) const {
    return shared.get<T>(kind, place_of_kind(), std::move(make));
  }
};

}  // namespace filters
