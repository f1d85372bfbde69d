// An exchange that waits in a lane of a pool; lives in the frame of Pool::wait(), which may be
// destroyed at any time. The pool's own.
#pragma once

#include "proxy/upstream/pool.hpp"

namespace upstream {

class Pool::Waiter : public base::Link {
 public:
  // newer_than: the serial number of the newest connection that will not do; 0 = any will.
  Waiter(Pool& pool, Lane& lane, std::uint64_t newer_than)
      : ready(pool.loop_), newer_than_(newer_than), pool_(pool), lane_(lane) {
    ++pool_.in_flight_;
    ++pool_.waiting_;
    ++pool_.asking_;
    ++lane_.count;
    (newer_than == 0 ? lane_.waiting : lane_.fresh).push_back(*this);
  }
  ~Waiter() {
    --pool_.in_flight_;
    --pool_.asking_;
    if (is_linked()) leave();
  }

  std::uint64_t newer_than() const { return newer_than_; }
  void give(Opened with) {
    opened = std::move(with);
    leave();
    ready.set();
  }
  void fail(const base::Error& why) {
    error = why;
    leave();
    ready.set();
  }
  // There will be no fresh connection: the next that is free will do.
  void take_any() {
    unlink();
    newer_than_ = 0;
    lane_.waiting.push_front(*this);
  }

  base::Event ready;
  Opened opened;  // one of the two, when it is
  std::optional<base::Error> error;

 private:
  void leave() {
    unlink();
    --pool_.waiting_;
    --lane_.count;
  }

  std::uint64_t newer_than_;
  Pool& pool_;
  Lane& lane_;
};

}  // namespace upstream
