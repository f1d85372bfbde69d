// How one that waits in a queue which several workers share is told that it is its turn. Told by
// any thread while the queue is locked; awaited by the thread of its loop, whose member it is. The
// post that tells it may outlive it.
#pragma once

#include "proxy/base/event.hpp"

#include <memory>

namespace filters {

class Turn {
 public:
  explicit Turn(base::Loop& loop) : event_(std::make_shared<base::Event>(loop)) {}

  const base::Loop& loop() const { return event_->loop(); }
  // from: the loop of this very thread.
  void tell(const base::Loop& from) {
    if (&event_->loop() == &from) return event_->set();
    event_->loop().post([event = event_] { event->set(); });
  }
  [[nodiscard]] base::Event::Awaiter wait(base::Time until) { return event_->wait(until); }

 private:
  const std::shared_ptr<base::Event> event_;
};

}  // namespace filters
