// A Loop with an operating system: one thread and one Poller, which it sleeps in. Who asks for an
// io_context gets one, and from then on the loop sleeps there and the Poller is watched by it: that
// costs each turn that sleeps three more system calls. run() is called by the thread that owns it;
// post() and stop() by any.
#pragma once

#include <memory>

#include "proxy/base/descriptor.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/base/poller.hpp"

namespace boost::asio {
class io_context;
}

namespace base {

class EventLoop final : public Loop, Poller::Watch {
 public:
  EventLoop();
  ~EventLoop() override;

  Poller& poller() { return poller_; }
  // For signals and what else is rare; nothing of the request path. Its handlers run inside a wait
  // and find the time of the turn before: they are to post what they have to do. Loop's thread.
  boost::asio::io_context& io();

  // Turns until stop().
  void run();
  void stop();
  // One turn, for tests that drive a loop from outside; waits at most `longest`.
  void turn(Duration longest);

 private:
  void wake_up() override;
  void on_events(std::uint32_t) override {}  // of wakes_: the turn is there, nothing else is meant
  void wait(Duration longest);
  void look_at_clock();
  void take_what_came();
  Duration until_due(Duration longest) const;

  struct Asio;  // its headers would be half of what those who include this one compile

  Poller poller_;
  Descriptor wakes_;            // an eventfd
  std::unique_ptr<Asio> asio_;  // null: nobody has asked for it
  bool is_stopped_ = false;
};

}  // namespace base
