// Good answers that are kept for the case that no other comes: by host, path and query, and by what
// they say they vary on. Bounded in bytes, with those that are still being received; the least
// recently used leaves. Shared by all workers, any thread: nothing in it belongs to one.
#pragma once

#include "proxy/base/link.hpp"
#include "proxy/base/time.hpp"
#include "proxy/http/message.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filters {

class StaleStore {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Answer {
    Fields headers;  // without `age`
    std::string body;
    Fields vary;           // names, and what the request said there
    base::Duration age{};  // when it was kept
    base::Time kept{};
  };
  class Draft;

  static constexpr std::size_t largest = 1024 * 1024;  // of a body

  StaleStore(base::Duration max_age, std::size_t max_size)
      : max_age_(max_age), max_size_(max_size) {}

  // By which a request is known: as it is before filters and routes below change it.
  static std::string key_of(const http::Request& request);
  // Null = there is none that is young enough.
  std::shared_ptr<const Answer> find(const std::string& key, const http::Request& request,
                                     base::Time now);

  // Whether its answer may be kept, and a kept one be its answer: no authorization, cookie, range.
  static bool takes(const http::Request& request);
  static bool takes(const http::Response& response);

 private:
  struct Kept : base::Link {
    Kept(std::string_view of, std::shared_ptr<const Answer> what, std::size_t bytes)
        : key(of), answer(std::move(what)), cost(bytes) {}
    std::string_view key;
    std::shared_ptr<const Answer> answer;
    std::size_t cost;
  };
  using Variants = std::list<Kept>;  // the newest last

  bool reserve(std::size_t bytes);  // false: more than there can be
  void release(std::size_t bytes);
  void keep(const std::string& key, Answer answer, std::size_t cost);
  void erase(Kept& kept);

  const base::Duration max_age_;
  const std::size_t max_size_;
  std::mutex mutex_;
  std::size_t used_ = 0;
  std::map<std::string, Variants, std::less<>> by_key_;
  base::List<Kept> by_use_;  // the next to leave is first
};

// An answer that is being received. It is kept once it was received whole.
class StaleStore::Draft {
 public:
  Draft(StaleStore& store, std::string key, const http::Request& request,
        const http::Response& response);
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() { store_.release(cost_); }

  // False: it has become too large to be kept.
  bool add(std::string_view piece);
  void keep(base::Time now);

 private:
  StaleStore& store_;
  const std::string key_;
  Answer answer_;
  std::size_t cost_ = 0;  // reserved
  bool is_too_large_ = false;
};

}  // namespace filters
