// The rates of one throttle: a limiter for each key, and who waits for it, first in first out
// whichever worker they are on. The first of a queue sleeps until its turn, those behind it are
// told when they are first; so a queue costs one timer. Bounded: of the keys that nobody waits for
// the least recently used leaves.
//
// Shared by all workers, any thread; a Waiter belongs to the thread of its loop.
#pragma once

#include "filters/limiter.hpp"
#include "filters/turn.hpp"
#include "proxy/base/link.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace filters {

class ThrottleBuckets {
 public:
  struct Settings {
    LimiterSettings limiter;
    std::uint64_t max_keys = 1;
    std::uint64_t max_queue = 0;
  };
  struct Verdict {
    bool is_admitted = false;
    std::uint64_t left = 0;        // how many more could pass at once
    base::Duration until_whole{};  // until all that may pass at once could, if none came
    base::Time next{};             // if it is not admitted: when one more may; `never` = see Waiter
  };
  class Waiter;

  explicit ThrottleBuckets(const Settings& settings);

  // Admits it now, or not: if others wait for the same, it is not its turn.
  Verdict ask(std::string_view key, base::Time now);
  // Joins the queue: it may be admitted at once after all, or refused, if the queue is full or its
  // turn would come after `latest`. Else the waiter waits.
  Verdict join(std::string_view key, base::Time now, base::Time latest, Waiter& waiter);

 private:
  struct Bucket : base::Link {
    Bucket(const LimiterSettings& settings) : limiter(settings) {}
    Limiter limiter;
    std::string_view key;
    base::List<Waiter> waiters;
    std::uint64_t waiting = 0;
  };
  struct alignas(64) Shard {
    std::mutex mutex;  // of all that is in it, and of what its waiters have to do with it
    std::map<std::string, Bucket, std::less<>> buckets;
    base::List<Bucket> by_use;  // without those that have waiters; the next to leave is first
  };

  Shard& shard_of(std::string_view key);
  Bucket* bucket_of(Shard& shard, std::string_view key);  // null = there is no room for another
  bool make_room(Shard& shard);
  Verdict judge(Bucket* bucket, base::Time now) const;
  static Verdict take(Bucket& bucket, base::Time at, base::Time now);

  const Settings settings_;
  const std::size_t shard_count_;
  const std::unique_ptr<Shard[]> shards_;
  std::atomic<std::uint64_t> keys_{0};
};

// One that waits for its turn; leaves the queue when it dies. While it waits:
//
//   verdict = waiter.look(now);               // it may have been admitted
//   co_await waiter.turn.wait(verdict.next);
class ThrottleBuckets::Waiter : public base::Link {
 public:
  explicit Waiter(base::Loop& loop) : turn(loop) {}
  ~Waiter() { leave(); }

  bool is_waiting() const { return shard_ != nullptr; }
  Verdict look(base::Time now);
  void leave();  // also if it does not wait

  Turn turn;

 private:
  friend class ThrottleBuckets;
  void unlink_from_bucket();

  Shard* shard_ = nullptr;
  Bucket* bucket_ = nullptr;
  base::Time since_{};
};

}  // namespace filters
