#include "filters/throttle_buckets.hpp"

#include <algorithm>
#include <utility>

namespace filters {
namespace {

using base::Time;

// Few keys are in one shard, so that max_keys means what it says.
constexpr std::uint64_t many_keys = 1'024;
constexpr std::size_t shards_for_many = 16;

}  // namespace

ThrottleBuckets::ThrottleBuckets(const Settings& settings)
    : settings_(settings),
      shard_count_(settings.max_keys < many_keys ? 1 : shards_for_many),
      shards_(new Shard[shard_count_]) {}

ThrottleBuckets::Shard& ThrottleBuckets::shard_of(std::string_view key) {
  return shard_count_ == 1 ? shards_[0]
                           : shards_[std::hash<std::string_view>{}(key) % shard_count_];
}

ThrottleBuckets::Bucket* ThrottleBuckets::bucket_of(Shard& shard, std::string_view key) {
  auto found = shard.buckets.find(key);
  if (found == shard.buckets.end()) {
    if (!make_room(shard)) return nullptr;
    found = shard.buckets.try_emplace(std::string(key), settings_.limiter).first;
    found->second.key = found->first;
    shard.by_use.push_back(found->second);
    return &found->second;
  }
  Bucket& bucket = found->second;
  if (bucket.waiters.empty() && shard.by_use.back() != &bucket) {
    bucket.unlink();
    shard.by_use.push_back(bucket);
  }
  return &bucket;
}

// For one more key, which counts from here on.
bool ThrottleBuckets::make_room(Shard& shard) {
  if (keys_.fetch_add(1, std::memory_order_relaxed) < settings_.max_keys) return true;
  keys_.fetch_sub(1, std::memory_order_relaxed);
  const Bucket* oldest = shard.by_use.front();
  if (!oldest) return false;
  shard.buckets.erase(shard.buckets.find(oldest->key));
  return true;
}

ThrottleBuckets::Verdict ThrottleBuckets::take(Bucket& bucket, Time at, Time now) {
  bucket.limiter.take(at);
  return {true, bucket.limiter.left(now), bucket.limiter.until_whole(now), now};
}

// As one that does not wait yet. Null: there are too many keys.
ThrottleBuckets::Verdict ThrottleBuckets::judge(Bucket* bucket, Time now) const {
  if (!bucket) return {false, 0, settings_.limiter.window, now + settings_.limiter.window};
  const Time next = bucket->limiter.next(now, bucket->waiting);
  if (next <= now && bucket->waiters.empty()) return take(*bucket, next, now);
  return {false, 0, bucket->limiter.until_whole(now), next};
}

ThrottleBuckets::Verdict ThrottleBuckets::ask(std::string_view key, Time now) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  return judge(bucket_of(shard, key), now);
}

ThrottleBuckets::Verdict ThrottleBuckets::join(std::string_view key, Time now, Time latest,
                                               Waiter& waiter) {
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  Bucket* bucket = bucket_of(shard, key);
  const Verdict verdict = judge(bucket, now);
  if (verdict.is_admitted || !bucket) return verdict;
  if (bucket->waiting >= settings_.max_queue || verdict.next > latest) return verdict;
  bucket->unlink();
  bucket->waiters.push_back(waiter);
  ++bucket->waiting;
  waiter.shard_ = &shard;
  waiter.bucket_ = bucket;
  waiter.since_ = now;
  return verdict;
}

// Its turn counts from when it could first have passed, however late it is looked for: a schedule
// loses nothing to who wakes late.
ThrottleBuckets::Verdict ThrottleBuckets::Waiter::look(Time now) {
  const std::lock_guard lock(shard_->mutex);
  Limiter& limiter = bucket_->limiter;
  if (bucket_->waiters.front() != this) return {false, 0, limiter.until_whole(now), base::never};
  const Time next = limiter.next(since_);
  if (next > now) return {false, 0, limiter.until_whole(now), next};
  const Verdict verdict = take(*bucket_, next, now);
  unlink_from_bucket();
  return verdict;
}

void ThrottleBuckets::Waiter::leave() {
  if (!shard_) return;
  const std::lock_guard lock(shard_->mutex);
  unlink_from_bucket();
}

void ThrottleBuckets::Waiter::unlink_from_bucket() {
  Bucket& bucket = *std::exchange(bucket_, nullptr);
  Shard& shard = *std::exchange(shard_, nullptr);
  const bool was_first = bucket.waiters.front() == this;
  unlink();
  --bucket.waiting;
  if (bucket.waiters.empty()) return shard.by_use.push_back(bucket);
  if (was_first) bucket.waiters.front()->turn.tell(turn.loop());
}

}  // namespace filters
