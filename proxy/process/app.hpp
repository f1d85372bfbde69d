// The application that runs as this process's child: started behind the listeners, asked whether it
// is ready, told to end, and how it ended. Owned by control; its thread.
#pragma once

#include "config/model.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/task.hpp"
#include "proxy/net/resolver.hpp"
#include "proxy/process/children.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace process {

class App {
 public:
  // What it does with a process's loop, names and children; all outlive it. on_ended is told once,
  // if it was ever started.
  App(base::EventLoop& loop, net::Resolver& resolver, Children& children, base::Log& log,
      config::App settings, std::function<void()> on_ended);
  App(const App&) = delete;
  App& operator=(const App&) = delete;
  ~App();

  // Runs the command with that environment. What went wrong, or "".
  std::string start(std::vector<std::string> environment);
  bool is_running() const { return child_ > 0; }
  // Waits until it is ready. Why it is not within `start_timeout`, or because it has ended; "" = it
  // is.
  base::Task<std::string> ready();
  // SIGTERM, and SIGKILL if it has not ended in time. Returns when it has.
  base::Task<> stop(base::Millis timeout);
  void signal(int number) const;
  // As a shell tells it, 128 + n after signal n; none while it runs.
  std::optional<int> exit_status() const { return exit_status_; }

 private:
  void ended(int wait_status);

  base::EventLoop& loop_;
  net::Resolver& resolver_;
  Children& children_;
  base::Log& log_;
  const config::App settings_;
  const std::function<void()> on_ended_;
  pid_t child_ = -1;
  bool is_told_to_end_ = false;
  std::optional<int> exit_status_;
  base::Event end_;  // for whoever stops it
};

// For the app, OUTRIDER_LISTENER_NAME for a listener of that name: in upper case, with `_` for what
// is neither a letter nor a digit.
std::string listener_variable(std::string_view name);

}  // namespace process
