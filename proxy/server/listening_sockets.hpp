// The addresses that the process listens on. They outlive configurations: an address that the next
// one names as well keeps its descriptors, whichever listener it belongs to, and so does a port
// that the system chose. The descriptors themselves go to the workers. Control's thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/net/acceptor.hpp"
#include "proxy/net/unix_path.hpp"
#include "proxy/server/inherited_socket.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace server {

struct Plan;

// What one worker begins to listen on.
struct NewSocket {
  base::Address address;  // as bound
  base::Descriptor descriptor;
  std::shared_ptr<net::UnixPath> path;  // of a Unix socket, one for all workers; else null
};

class ListeningSockets {
 public:
  // Before the first bind(), which uses what its plan names and closes the rest.
  void inherit(std::vector<InheritedSocket> sockets) { inherited_ = std::move(sockets); }
  // Finds or binds all that the plan's listeners name, and tells them their addresses. If one
  // cannot be bound, nothing has changed.
  struct Binding {
    std::string problem;                            // "" = all are bound
    std::vector<std::vector<NewSocket>> by_worker;  // what is new; see net::open()
    std::vector<base::Address> unused;              // inherited, and named by nobody
  };
  // opens_inbound: false = whoever connects to what is new and inbound is refused for now.
  Binding bind(Plan& plan, bool opens_inbound = true);

  // What another process needs to know to take these over, with what the workers hand out for it.
  // Paths of Unix sockets are the other's from let_go() on.
  std::vector<InheritedSocket> hand_over(std::vector<NewSocket> of_workers) const;
  void let_go();
  // Who may connect to the paths is as it was, though another process that was to take them over
  // and did not has changed that. Returns what cannot be put back, and why.
  std::vector<std::string> restore_access() const;

 private:
  struct Socket {
    std::string listener;  // its name
    base::Address wanted;  // as the configuration names it
    base::Address bound;
    bool takes_ipv4;         // of an IPv6 address, as bound
    net::UnixAccess access;  // as granted
    bool is_of_datagrams;    // its port is another one than that of connections
    bool is_shared = false;  // one socket that all workers watch; else one for each
    std::weak_ptr<net::UnixPath> path{};
  };
  struct Step;

  std::vector<Socket> sockets_;
  std::vector<InheritedSocket> inherited_;
};

}  // namespace server
