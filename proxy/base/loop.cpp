#include "proxy/base/loop.hpp"

namespace base {
namespace {

constexpr int most_rounds = 4;  // of the ready list in one turn, before sockets are looked at again

}  // namespace

Loop::Loop(Time start, std::uint64_t seed) : now_(start), random_(seed), wheel_(start) {}

Loop::~Loop() { reap(); }

void Loop::run_ready() {
  reap();
  for (int round = 0; round < most_rounds && !ready_.empty(); ++round) {
    List<Resumption> batch;
    batch.take(ready_);
    while (Resumption* waiter = batch.pop_front()) {
      waiter->handle.resume();
      reap();
    }
  }
}

void Loop::run_flushes() {
  List<Flushable> batch;
  batch.take(flushes_);
  while (Flushable* output = batch.pop_front()) output->flush();
  reap();
}

void Loop::reap() {
  while (Reapable* ended = ended_.pop_front()) ended->reap();
}

void Loop::settle() {
  do {
    run_ready();
    run_flushes();
  } while (has_ready());
}

void Loop::advance(Duration by) {
  const Time target = now_ + by;
  settle();
  while (next_timer() <= target) {
    now_ = next_timer() > now_ ? next_timer() : now_;
    wheel_.advance(now_);
    settle();
  }
  now_ = target;
  wheel_.advance(now_);
  settle();
}

}  // namespace base
