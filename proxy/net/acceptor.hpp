// Listening sockets in a loop's poller. Running out of descriptors is survived: one is held in
// reserve to turn a waiting client away, and accepting pauses for a moment. Loop's thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/net/unix_path.hpp"

#include <memory>
#include <vector>

namespace net {

struct ListenOptions {
  bool takes_ipv4 = false;       // of an IPv6 address: also IPv4's, which "[::]" stands for as well
  UnixAccess access{};           // of a Unix socket
  bool shares_port = false;      // with sockets of ours that are about to close, at another address
  bool is_of_datagrams = false;  // UDP, where there is nothing to be opened
  bool opens = true;             // false: bound, and whoever connects is refused until open()
};

// Binds `address` for so many workers: a descriptor each (SO_REUSEPORT; port 0 is chosen once), or
// for a Unix socket one and the same, repeated. A foreign owner of the port is an error, and so is
// a Unix path on which somebody listens; a stale one is replaced. Any thread.
base::Result<std::vector<base::Descriptor>> listen_on(const base::Address& address, int workers,
                                                      const ListenOptions& options = {});

// The socket itself, with a descriptor more. Any thread.
base::Result<base::Descriptor> share(const base::Descriptor& listening);

// Whether a socket that was bound to "[::]" takes IPv4's connections as well.
bool takes_ipv4(const base::Address& bound, const base::Descriptor& listening);

// One more descriptor for an address that somebody listens on already, with the port shared.
base::Result<base::Descriptor> listen_beside(const base::Address& bound,
                                             const ListenOptions& options = {});

// From now on connections to a bound socket wait to be accepted, if they do not already; datagrams
// do anyhow. Any thread.
base::Result<void> open(int bound);

class Acceptor final : base::Poller::Watch, base::Timer {
 public:
  class Owner {
   public:
    // Takes the connected, non-blocking descriptor.
    virtual void on_accept(int descriptor, const base::Address& remote) = 0;
    // Descriptors have run out: closes what can be spared. False = nothing can.
    virtual bool free_descriptor() { return false; }

   protected:
    ~Owner() = default;
  };

  // `path`: of a Unix socket, which other workers may listen on as well; null for IP, and if the
  // path is another's.
  Acceptor(base::EventLoop& loop, base::Descriptor descriptor, std::shared_ptr<UnixPath> path,
           Owner& owner);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  ~Acceptor();

  void pause();  // connections wait in the kernel's queue
  void resume();
  // Accepts all that wait, then closes. A path that nobody else listens on is gone before.
  void close();
  base::Address address() const { return base::Address::local_of(descriptor_.number()); }
  const std::shared_ptr<UnixPath>& path() const { return path_; }
  // The socket itself, once more; none if it is closed, or if descriptors have run out.
  base::Descriptor duplicate() const { return duplicate_of(descriptor_); }

 private:
  void on_events(std::uint32_t events) override;
  void expired() override;
  void accept_some();
  bool accept_one();
  void survive_exhaustion();
  void stop_watching();

  base::EventLoop& loop_;
  base::Descriptor descriptor_;
  std::shared_ptr<UnixPath> path_;  // dies before the descriptor
  Owner& owner_;
  int slot_ = -1;
  base::Descriptor reserve_;
  bool is_paused_ = false;
};

}  // namespace net
