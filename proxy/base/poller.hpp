// The edge-triggered epoll set of one loop. A descriptor is registered once, for everything; what
// became ready is told to its Watch. The kernel holds {slot, generation}, never a pointer, so an
// event for a descriptor that is gone reaches nobody. Loop's thread.
#pragma once

#include <sys/epoll.h>

#include <cstdint>
#include <vector>

namespace base {

class Poller {
 public:
  class Watch {
   public:
    // EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR. Called by the loop, no coroutine on the
    // stack; it may destroy this and other watches.
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Watch() = default;
  };

  Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  // Returns the slot, to be given to remove(). `events` are edge-triggered unless it says
  // EPOLLEXCLUSIVE or level (see acceptors). -1 with errno set: the kernel refused.
  int add(int descriptor, Watch& watch,
          std::uint32_t events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
  void remove(int slot, int descriptor);

  int descriptor() const { return epoll_; }
  // Waits until something is ready, at most so many milliseconds.
  void wait(int longest);
  // More may be ready than wait() found.
  bool has_full_batch() const { return static_cast<std::size_t>(found_) == batch_.size(); }
  // Dispatches what wait() found, at most one batch. After each event `between()` is called, when
  // no coroutine is on the stack.
  template <typename Between>
  void dispatch(Between between) {
    for (int i = 0; i < found_; ++i) {
      if (Watch* watch = find(batch_[static_cast<std::size_t>(i)].data.u64)) {
        watch->on_events(batch_[static_cast<std::size_t>(i)].events);
        between();
      }
    }
    found_ = 0;
  }

 private:
  struct Slot {
    Watch* watch = nullptr;
    std::uint32_t generation = 0;
  };

  Watch* find(std::uint64_t key) const;

  int epoll_;
  std::vector<Slot> slots_;
  std::vector<int> free_;
  std::vector<epoll_event> batch_;
  int found_ = 0;  // in it
};

}  // namespace base
