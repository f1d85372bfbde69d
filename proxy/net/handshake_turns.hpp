// How many TLS handshakes, of either side, begin in one turn of a loop: each costs a signature, and
// the exchanges of the turn wait for it. Those beyond begin in the next turns, first come, first
// served. One a worker; its thread.
#pragma once

#include "proxy/base/loop.hpp"

namespace net {

class HandshakeTurns final : base::Flushable {
 public:
  static constexpr int most_a_turn = 4;

  explicit HandshakeTurns(base::Loop& loop) : loop_(loop) {}

  struct Awaiter {
    HandshakeTurns& turns;
    base::Resumption waiter{};
    bool await_ready() const { return turns.begin(); }
    void await_suspend(std::coroutine_handle<> handle) {
      waiter.handle = handle;
      turns.waiting_.push_back(waiter);
    }
    void await_resume() const {}
  };
  // co_await turns.next();
  [[nodiscard]] Awaiter next() { return Awaiter{*this}; }

 private:
  bool begin();
  void flush() override;

  base::Loop& loop_;
  base::List<base::Resumption> waiting_;
  int begun_ = 0;  // in this turn, or about to in the next
};

}  // namespace net
