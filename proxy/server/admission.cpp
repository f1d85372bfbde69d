#include "proxy/server/admission.hpp"

#include <algorithm>
#include <string_view>

namespace server {
namespace {

bool is_counted(const base::Address& source) { return source.is_ip() && !source.is_loopback(); }

std::array<std::uint8_t, 16> key_of(const base::Address& source) {
  std::array<std::uint8_t, 16> key;
  std::copy_n(source.bytes(), key.size(), key.begin());
  return key;
}

}  // namespace

Admission::Admission(std::size_t connections, std::size_t from_one_source, std::size_t memory)
    : most_(connections), most_from_one_(from_one_source), memory_(memory) {}

std::size_t Admission::HashSource::operator()(const Source& source) const {
  return std::hash<std::string_view>{}(
      {reinterpret_cast<const char*>(source.data()), source.size()});
}

Admission::Shard& Admission::shard_of(const Source& source) {
  return shards_[HashSource{}(source) % shards_.size()];
}

bool Admission::admit(const base::Address& source) {
  if (open_.fetch_add(1, std::memory_order_relaxed) >= most_) {
    open_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  if (!is_counted(source)) return true;
  const Source key = key_of(source);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  std::size_t& open = shard.open[key];
  if (open < most_from_one_) {
    ++open;
    return true;
  }
  open_.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Admission::closed(const base::Address& source) {
  open_.fetch_sub(1, std::memory_order_relaxed);
  if (!is_counted(source)) return;
  const Source key = key_of(source);
  Shard& shard = shard_of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.open.find(key);
  if (found != shard.open.end() && --found->second == 0) shard.open.erase(found);
}

void Admission::memory_in_use(std::size_t bytes) {
  const std::size_t percent = memory_ / 100;
  in_use_.store(bytes, std::memory_order_relaxed);
  is_shedding_.store(bytes > percent * 95, std::memory_order_relaxed);
  const std::size_t full = percent * (must_not_accept() ? 95 : 98);  // it is not to flutter
  is_full_.store(bytes > full, std::memory_order_relaxed);
}

}  // namespace server
