#include "proxy/net/connection_limits.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace net {
namespace {

bool is_counted(const base::Address& source) {
  return source.is_ip() && !source.is_loopback();
}

std::array<std::uint8_t, 16> key_of(const base::Address& source) {
  std::array<std::uint8_t, 16> key;
  std::copy_n(source.bytes(), key.size(), key.begin());
  return key;
}

}  // namespace

ConnectionLimits::ConnectionLimits(std::size_t most, std::size_t most_from_one)
    : most_(most), most_from_one_(most_from_one) {}

ConnectionLimits::Place::Place(Place&& other) noexcept
    : limits_(std::exchange(other.limits_, nullptr)),
      source_(std::exchange(other.source_, nullptr)) {}

ConnectionLimits::Place& ConnectionLimits::Place::operator=(Place&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  limits_ = std::exchange(other.limits_, nullptr);
  source_ = std::exchange(other.source_, nullptr);
  return *this;
}

void ConnectionLimits::Place::give_back() {
  if (!limits_) return;
  if (source_) limits_->give_back_for(*source_);
  limits_->taken_.fetch_sub(1, std::memory_order_relaxed);
  limits_ = nullptr;
  source_ = nullptr;
}

bool ConnectionLimits::Place::is_from(const base::Address& source) const {
  return source_ && is_counted(source) && *source_ == key_of(source);
}

bool ConnectionLimits::Place::count_for(const base::Address& source) {
  if (!limits_ || source_ || !is_counted(source)) return true;
  source_ = limits_->take_for(key_of(source));
  return source_ != nullptr;
}

std::size_t ConnectionLimits::HashSource::operator()(const Source& source) const {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(source.data()), source.size()});
}

ConnectionLimits::Shard& ConnectionLimits::shard_of(const Source& source) {
  return shards_[HashSource{}(source) % shards_.size()];
}

ConnectionLimits::Place ConnectionLimits::admit(const base::Address& source) {
  Place place;
  const bool has_room = taken_.fetch_add(1, std::memory_order_relaxed) < most_;
  if (has_room) place.limits_ = this;
  if (has_room && place.count_for(source)) return place;
  place.limits_ = nullptr;
  taken_.fetch_sub(1, std::memory_order_relaxed);
  return place;
}

const ConnectionLimits::Source* ConnectionLimits::take_for(const Source& source) {
  Shard& shard = shard_of(source);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.taken.try_emplace(source, 0).first;
  if (found->second >= most_from_one_.load(std::memory_order_relaxed)) return nullptr;
  ++found->second;
  return &found->first;
}

void ConnectionLimits::give_back_for(const Source& source) {
  Shard& shard = shard_of(source);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.taken.find(source);
  if (found != shard.taken.end() && --found->second == 0) shard.taken.erase(found);
}

}  // namespace net
