// While the app is not ready its inbound addresses are bound, and whoever connects there is
// refused. Owned by control; its thread.
#pragma once

#include "proxy/server/listening_sockets.hpp"
#include "proxy/server/plan.hpp"

#include <string>
#include <vector>

namespace process {

class StartGate {
 public:
  using Sockets = std::vector<std::vector<server::NewSocket>>;  // by worker

  bool is_open() const { return is_open_; }
  void close() { is_open_ = false; }
  // Keeps the inbound ones of these, and forgets what the plan does not name any more.
  void hold(const server::Plan& plan, Sockets& sockets);

  struct Opened {
    Sockets sockets;
    std::string problem;  // "" = all of them listen
  };
  Opened open();

 private:
  bool is_open_ = true;
  Sockets held_;
};

// "", or which of them cannot be listened on.
std::string open_all(const StartGate::Sockets& sockets);

}  // namespace process
