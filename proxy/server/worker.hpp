// One thread that carries traffic: its loop, its listeners, its chains and pools. Everything it has
// is made, used and destroyed in its own thread; control talks to it by posting. Owned by control.
#pragma once

#include "proxy/base/event_loop.hpp"
#include "proxy/observe/access_log.hpp"
#include "proxy/server/admission.hpp"
#include "proxy/server/listener_counts.hpp"
#include "proxy/server/plan.hpp"
#include "proxy/server/shared.hpp"

#include <functional>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace server {

class Runtime;

class Worker {
 public:
  Worker(int index, const Plan& plan, Shared& shared);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();  // ends the thread; what it still carries is cut

  // Returns when the worker accepts.
  void start();

  // --- from any thread ---
  // Runs in the worker's thread, unless it has ended.
  void post(std::function<void(Runtime&)> action);
  std::int64_t exchanges(bool is_outbound) const;
  const ListenerCounts& counts(std::size_t listener) const { return *counts_[listener]; }

 private:
  void run();

  const int index_;
  const Plan& plan_;
  Shared& shared_;
  base::EventLoop loop_;
  AllCounts counts_;
  Runtime* runtime_ = nullptr;  // while the thread runs; used in it
  std::latch started_{1};       // counted down by the thread, which outlives start()
  std::thread thread_;
};

}  // namespace server
