#include "proxy/server/listening_sockets.hpp"

#include "proxy/net/acceptor.hpp"
#include "proxy/server/plan.hpp"

#include <algorithm>
#include <optional>

namespace server {
namespace {

// None, and a problem, if it cannot be bound.
std::optional<base::Address> bind_new(const config::Listener& listener, const base::Address& wanted,
                                      const net::ListenOptions& options,
                                      ListeningSockets::Binding& into) {
  const int workers = static_cast<int>(into.by_worker.size());
  auto descriptors = net::listen_on(wanted, workers, options);
  if (!descriptors) {
    const base::Error& error = descriptors.error();
    into.problem = "listener " + listener.name + ": " + std::string(error.detail) + " " +
                   wanted.to_string() + ": " + error.cause.message();
    return std::nullopt;
  }
  const base::Address bound = base::Address::local_of(descriptors->front().number());
  const std::shared_ptr<const net::UnixPath> path = net::path_of(bound);
  for (std::size_t i = 0; i < into.by_worker.size(); ++i)
    into.by_worker[i].push_back({bound, std::move((*descriptors)[i]), path});
  return bound;
}

}  // namespace

// In this order: a listener that keeps its name keeps its port, also one that the system chose; a
// port that is written out is taken from whoever has it; a port that the system chose goes to
// another listener that leaves the choice to it.
ListeningSockets::Binding ListeningSockets::bind(Plan& plan) {
  std::vector<Socket> left = sockets_;
  std::vector<Socket> next;
  const auto keep = [&](auto is_kept) {
    for (PlannedListener& listener : plan.listeners)
      for (std::size_t i = 0; i < listener.addresses.size(); ++i) {
        if (!listener.addresses[i].is_none()) continue;
        const std::string& name = listener.config->name;
        const base::Address& wanted = listener.config->bind[i];
        const auto found = std::find_if(left.begin(), left.end(), [&](const Socket& socket) {
          return is_kept(socket, name, wanted);
        });
        if (found == left.end()) continue;
        listener.addresses[i] = found->bound;
        next.push_back({name, wanted, found->bound});
        left.erase(found);
      }
  };
  for (PlannedListener& listener : plan.listeners)
    listener.addresses.assign(listener.config->bind.size(), base::Address());
  keep([](const Socket& socket, const std::string& name, const base::Address& wanted) {
    return socket.listener == name && socket.wanted == wanted;
  });
  keep([](const Socket& socket, const std::string&, const base::Address& wanted) {
    return socket.bound == wanted;
  });
  keep([](const Socket& socket, const std::string&, const base::Address& wanted) {
    return socket.wanted == wanted;
  });
  Binding made = bind_missing(plan, left, next);
  if (made.problem.empty()) sockets_ = std::move(next);
  return made;
}

ListeningSockets::Binding ListeningSockets::bind_missing(Plan& plan,
                                                         const std::vector<Socket>& leaving,
                                                         std::vector<Socket>& into) {
  Binding made;
  made.by_worker.resize(static_cast<std::size_t>(plan.workers));
  for (PlannedListener& listener : plan.listeners)
    for (std::size_t i = 0; i < listener.addresses.size(); ++i) {
      if (!listener.addresses[i].is_none()) continue;
      const base::Address& wanted = listener.config->bind[i];
      const bool is_ours =
          wanted.is_ip() && std::any_of(leaving.begin(), leaving.end(), [&](const Socket& socket) {
            return socket.bound.is_ip() && socket.bound.port() == wanted.port();
          });
      const std::optional<base::Address> bound =
          bind_new(*listener.config, wanted,
                   {takes_ipv4(wanted, *plan.config),
                    {listener.config->mode, listener.config->owner},
                    is_ours},
                   made);
      if (!bound) return made;
      listener.addresses[i] = *bound;
      into.push_back({listener.config->name, wanted, *bound});
    }
  return made;
}

}  // namespace server
