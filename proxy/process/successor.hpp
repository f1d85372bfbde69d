// The process that is to take this one's place: started, handed the sockets, and waited for. Owned
// by control; its thread.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/base/task.hpp"
#include "proxy/process/children.hpp"
#include "proxy/process/handover.hpp"
#include "proxy/process/program.hpp"

#include <optional>
#include <string>

namespace process {

class Successor {
 public:
  // Both outlive it.
  Successor(base::Loop& loop, Children& children) : loop_(loop), children_(children) {}
  Successor(const Successor&) = delete;
  Successor& operator=(const Successor&) = delete;
  ~Successor();

  // Returns when it is ready: "". Else what went wrong, and it has been killed. Once.
  base::Task<std::string> start(Program program, HandedOver handed, base::Millis timeout);
  pid_t child() const { return child_; }
  // Kills it, unless it has ended: this process goes on, or ends for good.
  void give_up();

 private:
  std::string hand_over(Program program, const HandedOver& handed);

  base::Loop& loop_;
  Children& children_;
  pid_t child_ = -1;
  base::Descriptor here_;
  std::optional<std::string> end_;  // how it ended, in words
  bool is_ready_ = false;
};

}  // namespace process
