// A transport that a pool has lent for good: bytes, spoken to by its user alone and closed with it.
// The pool counts it for as long as it is there. The worker's thread.
#pragma once

#include "proxy/net/transport.hpp"

#include <memory>
#include <utility>

namespace upstream {

class Pool;

class Tunnel {
 public:
  Tunnel() = default;  // none
  Tunnel(Pool& pool, std::unique_ptr<net::Transport> transport);
  Tunnel(Tunnel&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), transport_(std::move(other.transport_)) {}
  Tunnel& operator=(Tunnel&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(transport_, other.transport_);
    return *this;
  }
  ~Tunnel() {
    if (pool_) end();
  }

  explicit operator bool() const { return transport_ != nullptr; }
  net::Transport& operator*() const { return *transport_; }
  net::Transport* operator->() const { return transport_.get(); }

 private:
  void end();

  Pool* pool_ = nullptr;
  std::unique_ptr<net::Transport> transport_;
};

}  // namespace upstream
