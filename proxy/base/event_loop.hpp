// A Loop with an operating system: one thread, one io_context, one Poller inside it. run() is called
// by the thread that owns it; post() and stop() by any.
#pragma once

#include <memory>

#include "proxy/base/loop.hpp"
#include "proxy/base/poller.hpp"

namespace boost::asio {
class io_context;
}

namespace base {

class EventLoop final : public Loop {
 public:
  EventLoop();
  ~EventLoop() override;

  Poller& poller() { return poller_; }
  // For signals and what else is rare; nothing of the request path. Its handlers run inside a wait
  // and find the time of the turn before: they are to post what they have to do.
  boost::asio::io_context& io();

  // Turns until stop().
  void run();
  void stop();
  // One turn, for tests that drive a loop from outside; waits at most `longest`.
  void turn(Duration longest);

 private:
  void wake_up() override;
  void wait(Duration longest);
  void look_at_clock();
  Duration until_due(Duration longest) const;
  void watch_poller();
  int dispatch();

  struct Asio;  // its headers would be half of what those who include this one compile

  Poller poller_;
  std::unique_ptr<Asio> asio_;
  bool is_watching_ = false;
  bool is_stopped_ = false;
  int turns_without_asio_ = 0;
  int last_batch_ = 0;
};

}  // namespace base
