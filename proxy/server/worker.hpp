// One thread that carries traffic: its loop, and in it a runtime; and beside it an executor for the
// files of its exchanges. Everything it has is made, used and destroyed in its own thread; control
// talks to it by posting. Owned by control.
#pragma once

#include "proxy/base/event_loop.hpp"
#include "proxy/server/runtime.hpp"

#include <deque>
#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace server {

class Worker {
 public:
  Worker(std::size_t index, Shared& shared);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();  // ends the thread; what it still carries is cut

  // Returns when the worker accepts, under its first configuration.
  void start(Adoption first);

  // --- from any thread ---
  // Runs in the worker's thread, unless it has ended.
  void post(std::function<void(Runtime&)> action);
  // Goes over to a configuration, which may take many turns: what is posted meanwhile runs behind
  // it. `done` runs in the worker's thread.
  void adopt(Adoption adoption, std::function<void()> done);

 private:
  void run(Adoption first);
  void act();

  const std::size_t index_;
  Shared& shared_;
  base::EventLoop loop_;
  Runtime* runtime_ = nullptr;  // while the thread runs; used in it
  std::deque<std::function<void(Runtime&)>> actions_;  // that are to run, in their order
  std::latch started_{1};       // counted down by the thread, which outlives start()
  std::thread thread_;
};

}  // namespace server
