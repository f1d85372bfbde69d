// What the process does, twice a second, as server-sent events: each `data:` is one JSON object with
// `stats`, `clusters` (as those paths answer) and `metrics` (Prometheus' text). For the page. All
// who watch are told alike: the workers are not asked more often for many than for one.
#pragma once

#include "proxy/base/task.hpp"
#include "proxy/base/time.hpp"
#include "proxy/http/message.hpp"

#include <memory>
#include <string>

namespace admin {

class AdminSource;

class WatchFeed : public std::enable_shared_from_this<WatchFeed> {
 public:
  explicit WatchFeed(AdminSource& source) : source_(source) {}  // it outlives all responses

  http::Response stream();

 private:
  class Stream;

  base::Task<std::string> event();
  base::Task<std::string> made() const;

  AdminSource& source_;
  std::string last_;
  base::Time made_at_ = base::Time::min();
  bool is_being_made_ = false;
};

}  // namespace admin
