#include "proxy/process/start_gate.hpp"

#include "proxy/net/acceptor.hpp"
#include "proxy/net/datagrams.hpp"

#include <algorithm>
#include <utility>

namespace process {
namespace {

bool is_inbound(const server::NewSocket& socket, const server::Plan& plan) {
  return std::any_of(plan.listeners.begin(), plan.listeners.end(),
                     [&](const server::PlannedListener& listener) {
                       const auto& bound = listener.addresses;
                       return !listener.is_outbound() &&
                              listener.carries_datagrams() ==
                                  net::is_of_datagrams(socket.descriptor.number()) &&
                              std::find(bound.begin(), bound.end(), socket.address) != bound.end();
                     });
}

}  // namespace

void StartGate::hold(const server::Plan& plan, Sockets& sockets) {
  if (is_open_) return;
  held_.resize(sockets.size());
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    std::erase_if(held_[i], [&](const auto& socket) { return !is_inbound(socket, plan); });
    for (server::NewSocket& socket : sockets[i])
      if (is_inbound(socket, plan)) held_[i].push_back(std::move(socket));
    std::erase_if(sockets[i], [](const auto& socket) { return !socket.descriptor; });
  }
}

StartGate::Opened StartGate::open() {
  is_open_ = true;
  Opened opened{std::exchange(held_, {}), {}};
  opened.problem = open_all(opened.sockets);
  return opened;
}

std::string open_all(const StartGate::Sockets& sockets) {
  std::string problem;
  for (const auto& of_worker : sockets)
    for (const server::NewSocket& socket : of_worker)
      if (const base::Result<void> done = net::open(socket.descriptor.number()); !done)
        problem = std::string(done.error().detail) + ' ' + socket.address.to_string() + ": " +
                  done.error().cause.message();
  return problem;
}

}  // namespace process
