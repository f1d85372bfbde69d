// How many connections the process takes on, in all and from one source. Each has a place until its
// descriptor is closed, also while it only lingers. One for all workers; any thread.
#pragma once

#include "proxy/base/address.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <unordered_map>

namespace net {

class ConnectionLimits {
 private:
  using Source = std::array<std::uint8_t, 16>;

 public:
  // Loopback and Unix sockets do not count for their source.
  ConnectionLimits(std::size_t most, std::size_t most_from_one);

  // What a connection holds; given back by its destructor. Outlived by the limits.
  class Place {
   public:
    Place() = default;  // none
    Place(Place&& other) noexcept;
    Place& operator=(Place&& other) noexcept;
    ~Place() { give_back(); }

    explicit operator bool() const { return limits_ != nullptr; }
    // Whether it counts for that source.
    bool is_from(const base::Address& source) const;
    // From now on it counts for that source, having counted for none. False: it has too many.
    bool count_for(const base::Address& source);

   private:
    friend class ConnectionLimits;
    void give_back();

    ConnectionLimits* limits_ = nullptr;
    const Source* source_ = nullptr;  // that it counts for, as the limits know it; null = none
  };

  // None: a bound was reached.
  Place admit(const base::Address& source);
  // From now on; connections that are there stay. Any thread.
  void bound_sources(std::size_t most) { most_from_one_.store(most, std::memory_order_relaxed); }
  std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }
  bool is_full() const { return taken() >= most_; }  // for whatever source

 private:
  struct HashSource {
    std::size_t operator()(const Source& source) const;
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<Source, std::size_t, HashSource> taken;
  };
  Shard& shard_of(const Source& source);
  // Where it is known from then on, until all is given back; null: it has too many.
  const Source* take_for(const Source& source);
  void give_back_for(const Source& source);

  const std::size_t most_;
  std::atomic<std::size_t> most_from_one_;
  std::atomic<std::size_t> taken_{0};
  std::array<Shard, 16> shards_;
};

}  // namespace net
