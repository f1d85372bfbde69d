// What a filter's factory is given: where the filter stands, and the state that all workers share.
#pragma once

#include "config/model.hpp"
#include "proxy/base/executor.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/stats/registry.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filters {

// Objects of the process, found by their kind, their place and the configuration of the filter that
// has them: a filter that a reload does not change keeps its state, a changed one starts anew. They
// live as long as a filter uses them. Any thread.
class SharedState {
 public:
  template <typename T, typename Make>
  std::shared_ptr<T> get(const std::string& kind, const std::string& place, std::string_view fields,
                         Make make) {
    const std::lock_guard lock(mutex_);
    std::vector<Entry>& here = by_kind_[kind][place];
    std::erase_if(here, [](const Entry& entry) { return entry.held.expired(); });
    for (const Entry& entry : here)
      if (entry.fields == fields)
        if (auto held = std::static_pointer_cast<T>(entry.held.lock())) return held;
    std::shared_ptr<T> made = make();
    here.push_back({std::string(fields), made});
    return made;
  }

  // Calls visit(place, object) for each of a kind, of a place for the newest only: others finish
  // what an earlier configuration began. Who makes filters meanwhile does not wait for the visits.
  template <typename T, typename Visit> void each(const std::string& kind, Visit visit) const {
    for (const auto& [place, held] : newest(kind)) visit(place, *std::static_pointer_cast<T>(held));
  }

  // Forgets the places that no filter stands at any more, some at a time: nobody waits for all.
  void sweep() {
    for (const std::string& kind : kinds())
      for (std::optional<std::string> next(""); next;) next = sweep_from(kind, *next);
  }
  // Told of each change of a circuit breaker, by its place and its new state: for whoever watches
  // them all, as the simulator does. Set before any filter is made; the thread that caused it.
  std::function<void(std::string_view place, std::string_view state)> on_breaker;

  std::size_t places() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [kind, places] : by_kind_) count += places.size();
    return count;
  }

 private:
  struct Entry {
    std::string fields;
    std::weak_ptr<void> held;
  };
  using Places = std::map<std::string, std::vector<Entry>>;
  using Found = std::vector<std::pair<std::string, std::shared_ptr<void>>>;

  Found newest(const std::string& kind) const {
    Found all;
    const std::lock_guard lock(mutex_);
    const auto found = by_kind_.find(kind);
    if (found == by_kind_.end()) return all;
    for (const auto& [place, entries] : found->second)
      for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
        if (auto held = entry->held.lock()) {
          all.emplace_back(place, std::move(held));
          break;
        }
    return all;
  }

  std::vector<std::string> kinds() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [kind, places] : by_kind_) all.push_back(kind);
    return all;
  }

  // Looks at some places, and says at which it goes on; none = those were the last.
  std::optional<std::string> sweep_from(const std::string& kind, const std::string& place) {
    constexpr int most = 256;
    std::vector<Places::node_type> forgotten;  // freed behind the lock
    const std::lock_guard lock(mutex_);
    Places& places = by_kind_.at(kind);
    auto at = places.lower_bound(place);
    for (int i = 0; i < most && at != places.end(); ++i) {
      const auto here = at++;
      if (std::all_of(here->second.begin(), here->second.end(),
                      [](const Entry& entry) { return entry.held.expired(); }))
        forgotten.push_back(places.extract(here));
    }
    return at == places.end() ? std::nullopt : std::optional(at->first);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Places> by_kind_;
};

// What a filter may ask of what is around it. Owned by the generation; its worker's thread.
class Surroundings {
 public:
  // Of the cluster of that name, which the loader found; as long as the filter lives.
  virtual http::Handler& chain_of(std::string_view cluster) = 0;
  // Of limits.memory, in 1/100 %.
  virtual std::uint32_t memory_in_use() const = 0;

 protected:
  ~Surroundings() = default;
};

// A place, and which of its kind there.
inline std::string place_of_kind(const std::string& place, int ordinal) {
  return ordinal == 0 ? place : place + '#' + std::to_string(ordinal + 1);
}

struct FilterContext {
  std::string place;  // "cluster NAME"; see config/place_name.hpp
  int ordinal = 0;    // of its kind in its list
  base::Loop& loop;
  SharedState& shared;
  stats::Registry& metrics;
  std::size_t shard;          // the worker's, in the metrics and in what all workers count together
  base::Log& log;             // not for each request
  std::string_view fields{};  // its own configuration, as FilterConfig has it
  std::size_t workers = 1;
  Surroundings* around = nullptr;     // null only in tests of filters that do not ask
  base::Executor* executor = nullptr;  // for what blocks; null in tests: it is done in place

  std::string place_of_kind() const { return filters::place_of_kind(place, ordinal); }

  template <typename T, typename Make>
  std::shared_ptr<T> process(const std::string& kind, Make make) const {
    return shared.get<T>(kind, place_of_kind(), fields, std::move(make));
  }
};

}  // namespace filters
