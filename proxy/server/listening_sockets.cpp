#include "proxy/server/listening_sockets.hpp"

#include "proxy/net/acceptor.hpp"
#include "proxy/net/datagrams.hpp"
#include "proxy/server/plan.hpp"

#include <algorithm>
#include <functional>
#include <utility>

namespace server {
namespace {

net::UnixAccess access_of(const config::Listener& listener) {
  return {listener.mode, listener.owner};
}

}  // namespace

// From the sockets that there are to those that a plan wants. Each part is false, and says why in
// made.problem, if it cannot be done.
struct ListeningSockets::Step {
  Plan& plan;
  const bool opens_inbound;
  std::vector<Socket> left;  // that nobody wants, as far as is known
  std::vector<InheritedSocket> inherited;
  std::vector<Socket> next{};
  Binding made{};
  std::vector<std::shared_ptr<net::UnixPath>> taken_paths{};

  void keep(const std::function<bool(const Socket&, const std::string& name,
                                     const base::Address& wanted)>& is_kept);
  void keep_all();
  bool take_inherited();
  bool keep_ipv4();
  bool bind_missing();
  bool grant_anew();
  // What was inherited stays its owner's.
  void let_go();

 private:
  using Inherited = std::vector<InheritedSocket>::iterator;
  Inherited find_inherited(const PlannedListener& listener, const base::Address& wanted);
  bool take(Inherited found, PlannedListener& listener, const base::Address& wanted,
            base::Address& bound);
  bool bind(PlannedListener& listener, const base::Address& wanted, base::Address& bound);
  bool shares_port(const base::Address& wanted) const;
  const config::Listener& listener_of(const Socket& socket) const;
  bool failed(const config::Listener& listener, const base::Address& address,
              const base::Error& error);
};

ListeningSockets::Binding ListeningSockets::bind(Plan& plan, bool opens_inbound) {
  Step step{plan, opens_inbound, sockets_, std::exchange(inherited_, {})};
  step.made.by_worker.resize(static_cast<std::size_t>(plan.workers));
  step.keep_all();
  if (step.take_inherited() && step.keep_ipv4() && step.bind_missing() && step.grant_anew())
    sockets_ = std::move(step.next);
  else
    step.let_go();
  for (const InheritedSocket& unused : step.inherited) step.made.unused.push_back(unused.bound);
  return std::move(step.made);
}

void ListeningSockets::Step::keep(const std::function<bool(const Socket&, const std::string& name,
                                                           const base::Address& wanted)>& is_kept) {
  for (PlannedListener& listener : plan.listeners)
    for (std::size_t i = 0; i < listener.addresses.size(); ++i) {
      if (!listener.addresses[i].is_none()) continue;
      const std::string& name = listener.config->name;
      const base::Address& wanted = listener.config->bind[i];
      const auto found = std::find_if(left.begin(), left.end(), [&](const Socket& socket) {
        return socket.is_of_datagrams == listener.carries_datagrams() &&
               is_kept(socket, name, wanted);
      });
      if (found == left.end()) continue;
      listener.addresses[i] = found->bound;
      Socket& kept = next.emplace_back(*found);
      kept.listener = name;
      kept.wanted = wanted;
      left.erase(found);
    }
}

// In this order: a listener that keeps its name keeps its port, also one that the system chose; a
// port that is written out is taken from whoever has it; a port that the system chose goes to
// another listener that leaves the choice to it.
void ListeningSockets::Step::keep_all() {
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
}

// A socket that was bound beside IPv4's cannot take its place: IPv4 keeps a socket of its own,
// which is the listener's too.
bool ListeningSockets::Step::keep_ipv4() {
  for (PlannedListener& listener : plan.listeners)
    for (const base::Address& wanted : listener.config->bind) {
      const auto is_in_its_place = [&](const Socket& socket) {
        return socket.bound == wanted && !socket.takes_ipv4 &&
               socket.is_of_datagrams == listener.carries_datagrams();
      };
      if (!takes_ipv4(wanted, *plan.config) ||
          std::none_of(next.begin(), next.end(), is_in_its_place))
        continue;
      const base::Address ipv4 = *base::Address::parse_ip("0.0.0.0", wanted.port());
      const auto found = std::find_if(left.begin(), left.end(), [&](const Socket& socket) {
        return socket.bound == ipv4 && socket.is_of_datagrams == listener.carries_datagrams();
      });
      base::Address bound = ipv4;
      if (found == left.end()) {
        if (!bind(listener, ipv4, bound)) return false;
      } else {
        Socket& kept = next.emplace_back(*found);
        kept.listener = listener.config->name;
        kept.wanted = ipv4;
        left.erase(found);
      }
      listener.addresses.push_back(bound);
    }
  return true;
}

bool ListeningSockets::Step::bind_missing() {
  for (PlannedListener& listener : plan.listeners)
    for (std::size_t i = 0; i < listener.config->bind.size(); ++i) {
      if (!listener.addresses[i].is_none()) continue;
      if (!bind(listener, listener.config->bind[i], listener.addresses[i])) return false;
    }
  return true;
}

// As a reload finds a socket: that listener's own, or that very address.
ListeningSockets::Step::Inherited ListeningSockets::Step::find_inherited(
    const PlannedListener& listener, const base::Address& wanted) {
  return std::find_if(inherited.begin(), inherited.end(), [&](const InheritedSocket& each) {
    const bool is_wanted =
        each.bound == wanted || (each.listener == listener.config->name && each.wanted == wanted);
    return is_wanted &&
           net::is_of_datagrams(each.descriptors.front().number()) == listener.carries_datagrams();
  });
}

bool ListeningSockets::Step::take_inherited() {
  for (PlannedListener& listener : plan.listeners)
    for (std::size_t i = 0; i < listener.config->bind.size(); ++i) {
      const base::Address& wanted = listener.config->bind[i];
      const auto found = find_inherited(listener, wanted);
      if (found == inherited.end() || !listener.addresses[i].is_none()) continue;
      if (!take(found, listener, wanted, listener.addresses[i])) return false;
    }
  return true;
}

// All of its queues go on to be emptied, whatever the number of workers was. Those that are added
// take no connection as yet: who waits in them would be lost if this process failed before it is ready. For
// datagrams the kernel knows no such state.
bool ListeningSockets::Step::take(Inherited found, PlannedListener& listener,
                                  const base::Address& wanted, base::Address& bound) {
  InheritedSocket socket = std::move(*found);
  inherited.erase(found);
  bound = socket.bound;
  std::vector<base::Descriptor>& descriptors = socket.descriptors;
  const net::ListenOptions options{
      net::takes_ipv4(bound, descriptors.front()),
      socket.owns_path ? net::access_granted(bound) : access_of(*listener.config), true,
      listener.carries_datagrams(), false};
  while (descriptors.size() < made.by_worker.size()) {
    auto more =
        socket.is_shared ? net::share(descriptors.front()) : net::listen_beside(bound, options);
    if (!more) return failed(*listener.config, bound, more.error());
    descriptors.push_back(std::move(*more));
  }
  const std::shared_ptr<net::UnixPath> path = socket.owns_path ? net::path_of(bound) : nullptr;
  for (std::size_t i = 0; i < descriptors.size(); ++i)
    made.by_worker[i % made.by_worker.size()].push_back({bound, std::move(descriptors[i]), path});
  next.push_back({listener.config->name, wanted, bound, options.takes_ipv4, options.access,
                  options.is_of_datagrams, socket.is_shared, path});
  taken_paths.push_back(path);
  return true;
}

void ListeningSockets::Step::let_go() {
  for (const auto& path : taken_paths)
    if (path) path->let_go();
}

bool ListeningSockets::Step::bind(PlannedListener& listener, const base::Address& wanted,
                                  base::Address& bound) {
  if (const auto found = find_inherited(listener, wanted); found != inherited.end())
    return take(found, listener, wanted, bound);
  const net::ListenOptions options{takes_ipv4(wanted, *plan.config), access_of(*listener.config),
                                   shares_port(wanted), listener.carries_datagrams(),
                                   opens_inbound || listener.is_outbound()};
  auto descriptors = net::listen_on(wanted, plan.workers, options);
  if (!descriptors) return failed(*listener.config, wanted, descriptors.error());
  bound = base::Address::local_of(descriptors->front().number());
  const std::shared_ptr<net::UnixPath> path = net::path_of(bound);
  for (std::size_t i = 0; i < made.by_worker.size(); ++i)
    made.by_worker[i].push_back({bound, std::move((*descriptors)[i]), path});
  next.push_back({listener.config->name, wanted, bound, options.takes_ipv4, options.access,
                  options.is_of_datagrams, wanted.is_unix(), path});
  return true;
}

// A port that we let go may be bound at another address; and IPv4's beside one of ours that took
// IPv4 as well: the kernel prefers the former.
bool ListeningSockets::Step::shares_port(const base::Address& wanted) const {
  if (!wanted.is_ip()) return false;
  const auto has_port = [&](const Socket& socket) {
    return socket.bound.is_ip() && socket.bound.port() == wanted.port();
  };
  const bool is_any4 = wanted == *base::Address::parse_ip("0.0.0.0", wanted.port());
  return std::any_of(left.begin(), left.end(), has_port) ||
         (is_any4 && std::any_of(next.begin(), next.end(), [&](const Socket& socket) {
            return has_port(socket) && socket.takes_ipv4;
          }));
}

// Who may connect to a path that is kept. What was granted before one that cannot be is taken back.
bool ListeningSockets::Step::grant_anew() {
  for (std::size_t i = 0; i < next.size(); ++i) {
    const config::Listener& listener = listener_of(next[i]);
    const net::UnixAccess wanted = access_of(listener);
    const base::Result<void> granted = net::grant_anew(next[i].bound, next[i].access, wanted);
    if (!granted) {
      for (std::size_t j = 0; j <= i; ++j)
        (void)net::grant_anew(next[j].bound, access_of(listener_of(next[j])), next[j].access);
      return failed(listener, next[i].bound, granted.error());
    }
  }
  for (Socket& socket : next) socket.access = access_of(listener_of(socket));
  return true;
}

const config::Listener& ListeningSockets::Step::listener_of(const Socket& socket) const {
  const auto is_its = [&](const PlannedListener& each) {
    return each.config->name == socket.listener;
  };
  return *std::find_if(plan.listeners.begin(), plan.listeners.end(), is_its)->config;
}

bool ListeningSockets::Step::failed(const config::Listener& listener, const base::Address& address,
                                    const base::Error& error) {
  made.problem = told_at(*plan.config, listener.places, address.to_string(), listener.mark,
                         "listener " + listener.name + ": " + std::string(error.detail) + " " +
                             address.to_string() + ": " + error.cause.message());
  return false;
}

std::vector<InheritedSocket> ListeningSockets::hand_over(std::vector<NewSocket> of_workers) const {
  std::vector<InheritedSocket> all;
  for (const Socket& socket : sockets_) {
    InheritedSocket& made = all.emplace_back(InheritedSocket{
        socket.listener, socket.wanted, socket.bound, socket.is_shared, !socket.path.expired()});
    for (NewSocket& each : of_workers) {
      if (each.address != socket.bound || !each.descriptor) continue;
      if (net::is_of_datagrams(each.descriptor.number()) != socket.is_of_datagrams) continue;
      if (made.descriptors.empty() || !socket.is_shared)
        made.descriptors.push_back(std::move(each.descriptor));
    }
  }
  return all;
}

std::vector<std::string> ListeningSockets::restore_access() const {
  std::vector<std::string> problems;
  for (const Socket& socket : sockets_) {
    if (socket.path.expired()) continue;
    const auto done = net::grant_anew(socket.bound, net::access_granted(socket.bound), socket.access);
    if (!done) problems.push_back(socket.bound.to_string() + ": " + base::in_words(done.error()));
  }
  return problems;
}

void ListeningSockets::let_go() {
  for (const Socket& socket : sockets_)
    if (const auto path = socket.path.lock()) path->let_go();
}

}  // namespace server
