// What the process takes on: connections in all and from one source, and whether memory is short.
// One for all workers; any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "proxy/base/address.hpp"

namespace server {

class Admission {
 public:
  Admission(std::size_t connections, std::size_t from_one_source, std::size_t memory);

  // Whether a connection from there is taken. If so, closed() is owed. Loopback and Unix sockets
  // do not count for their source.
  bool admit(const base::Address& source);
  void closed(const base::Address& source);
  std::size_t connections() const { return open_.load(std::memory_order_relaxed); }

  // Looked at by control from time to time.
  void memory_in_use(std::size_t bytes);
  std::size_t memory_in_use() const { return in_use_.load(std::memory_order_relaxed); }
  bool is_shedding() const { return is_shedding_.load(std::memory_order_relaxed); }    // 95 %
  bool must_not_accept() const { return is_full_.load(std::memory_order_relaxed); }   // 98 %, until 95 %
  std::size_t memory_limit() const { return memory_; }

 private:
  using Source = std::array<std::uint8_t, 16>;
  struct HashSource {
    std::size_t operator()(const Source& source) const;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Source, std::size_t, HashSource> open;
  };
  Shard& shard_of(const Source& source);

  const std::size_t most_;
  const std::size_t most_from_one_;
  const std::size_t memory_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::size_t> in_use_{0};
  std::atomic<bool> is_shedding_{false};
  std::atomic<bool> is_full_{false};
  std::array<Shard, 16> shards_;
};

}  // namespace server
