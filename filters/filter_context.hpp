// What a filter's factory is given: where the filter stands, and the state that all workers share.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "config/model.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/http/filter.hpp"

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
  template <typename T, typename Visit>
  void each(const std::string& kind, Visit visit) const {
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

  template <typename T, typename Make>
  std::shared_ptr<T> process(const std::string& kind, Make make) const {
    const std::string which = ordinal == 0 ? place : place + '#' + std::to_string(ordinal + 1);
    return shared.get<T>(kind, which, std::move(make));
  }
};

}  // namespace filters
