// Sockets of UDP in a loop's poller: the one that clients send to, in batches, and those connected
// to an upstream. A datagram is whole or not there; what does not fit a full queue is dropped, as
// it is on the way. Loop's thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/bytes.hpp"
#include "proxy/base/descriptor.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/transport.hpp"

#include <memory>
#include <string_view>
#include <vector>

namespace net {

// Whether a socket carries datagrams. Any thread.
bool is_of_datagrams(int descriptor);

class BoundDatagrams final : base::Poller::Watch, base::Flushable {
 public:
  class Owner {
   public:
    // asked: which address of this host it was sent to, where the socket is bound to all of them;
    // else none. The bytes are valid during the call.
    virtual void on_datagram(const base::Address& source, const base::Address& asked,
                             std::string_view bytes) = 0;

   protected:
    ~Owner() = default;
  };

  BoundDatagrams(base::EventLoop& loop, base::Descriptor descriptor, Owner& owner);
  BoundDatagrams(const BoundDatagrams&) = delete;
  BoundDatagrams& operator=(const BoundDatagrams&) = delete;
  ~BoundDatagrams();

  // Nothing is received or sent any more. Not from inside the owner.
  void close();
  // What comes from now on is for another to receive. Not from inside the owner.
  void stop_receiving() { tasks_.cancel_all(); }
  // Leaves with the turn's flush, all of them in one call of the system. from: where the client
  // asked, as on_datagram() told.
  void send(const base::Address& to, const base::Address& from, Bytes bytes);
  std::uint64_t dropped() const { return dropped_; }  // of those to be sent, ever
  // The socket itself, once more; none if descriptors have run out.
  base::Descriptor duplicate() const { return duplicate_of(descriptor_); }

 private:
  struct Outgoing {
    base::Address to, from;
    Bytes bytes;
  };

  void on_events(std::uint32_t events) override;
  void flush() override;
  std::size_t send_batch();
  Task<> run();
  std::size_t receive_batch();

  base::EventLoop& loop_;
  base::Descriptor descriptor_;
  Owner& owner_;
  int slot_;
  const bool is_ipv4_;
  const bool is_of_all_;  // addresses of this host
  std::vector<Outgoing> outgoing_;  // from first_ on
  std::size_t first_ = 0;
  std::size_t held_ = 0;  // bytes
  std::uint64_t dropped_ = 0;
  base::Event readable_;
  base::TaskGroup tasks_;
};

class ConnectedDatagrams final : base::Poller::Watch {
 public:
  // The error is connect_failure, and `unsent`.
  static Result<std::unique_ptr<ConnectedDatagrams>> to(base::EventLoop& loop,
                                                        const base::Address& address);
  ConnectedDatagrams(base::EventLoop& loop, base::Descriptor descriptor);
  ConnectedDatagrams(const ConnectedDatagrams&) = delete;
  ConnectedDatagrams& operator=(const ConnectedDatagrams&) = delete;
  ~ConnectedDatagrams();

  // An error: nobody listens there. A full queue is none: the datagram is lost.
  boost::system::error_code send(std::string_view datagram);
  // One datagram, or why there is none; never `end`.
  Input read_now();
  base::Event::Awaiter readable() { return readable_.wait(); }
  void interrupt() { readable_.set(); }

 private:
  void on_events(std::uint32_t events) override;

  base::EventLoop& loop_;
  base::Descriptor descriptor_;
  int slot_;
  base::Event readable_;
};

}  // namespace net
