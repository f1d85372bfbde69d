// What the process takes on: connections in all and from one source, and whether memory is short.
// One for all workers; any thread.
#pragma once

#include "proxy/net/connection_limits.hpp"
#include "proxy/server/neighbours.hpp"

#include <atomic>
#include <cstddef>
#include <functional>
#include <utility>

namespace server {

class Admission {
 public:
  Admission(std::size_t connections, std::size_t from_one_source, std::size_t memory);

  net::ConnectionLimits& limits() { return limits_; }
  Neighbours& neighbours() { return neighbours_; }
  std::size_t connections() const { return limits_.taken(); }

  // Looked at by control from time to time.
  void memory_in_use(std::size_t bytes);
  std::size_t memory_in_use() const { return in_use_.load(std::memory_order_relaxed); }
  bool is_shedding() const { return is_shedding_.load(std::memory_order_relaxed); }  // 95 %
  bool must_not_accept() const {
    return is_full_.load(std::memory_order_relaxed);
  }  // 98 %, until 95 %
  std::size_t memory_limit() const { return memory_.load(std::memory_order_relaxed); }
  // Control looks no more, as nothing can have changed while nobody is connected: whoever accepts
  // the next calls `wake`, once, from its thread. False: somebody is connected already.
  bool doze();
  void wake_when_busy(std::function<void()> wake) {
    wake_ = std::move(wake);
  }  // before the workers
  // Somebody was admitted.
  void has_admitted();

  // The bounds of a later configuration.
  void adopt(std::size_t from_one_source, std::size_t memory);

 private:
  net::ConnectionLimits limits_;
  Neighbours neighbours_{limits_};
  std::atomic<std::size_t> memory_;
  std::atomic<std::size_t> in_use_{0};
  std::atomic<bool> is_shedding_{false};
  std::atomic<bool> is_full_{false};
  std::atomic<bool> is_dozing_{false};
  std::function<void()> wake_;
};

}  // namespace server
