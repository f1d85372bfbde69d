// A connected stream socket in a loop's poller, clear or TLS: readiness, reads into the thread's
// block, and the output that waits to be written. Its readiness lives here: what EAGAIN (clear) or
// WANT_READ (TLS) did not take away is still there, so no read is made in vain and a reader that
// stops leaves it set. Owned by a connection; the loop's thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/bytes.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task.hpp"
#include "proxy/net/connection_limits.hpp"
#include "proxy/net/gathering.hpp"
#include "proxy/net/tls.hpp"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace net {

using base::Bytes;
using base::Error;
using base::Result;
using base::Task;
using base::Time;

// What one attempt to read gave.
struct Input {
  enum class State { data, would_block, end, failed };
  State state = State::would_block;
  Bytes bytes;                        // of data
  boost::system::error_code cause{};  // of failed
};

// What one look at what is unread showed.
struct Peeked {
  Input::State state = Input::State::would_block;
  std::string_view bytes;  // of data
};

class Transport final : base::Poller::Watch, base::Flushable {
 public:
  // Told at the loop's level (no coroutine on the stack), where it may destroy the transport.
  class Owner {
   public:
    // RDHUP, HUP or ERR was seen: the peer sends no more, or is gone. There may be unread input.
    virtual void on_hangup() = 0;
    // There is input, and nobody waits for it.
    virtual void on_input() {}
    // Some of what was queued has been written, from inside flush().
    virtual void on_written() {}

   protected:
    ~Owner() = default;
  };

  // Takes a connected (or connecting), non-blocking descriptor, and the place that it has in the
  // limits until it is closed.
  Transport(base::EventLoop& loop, int descriptor, ConnectionLimits::Place place = {});
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport();  // closes at once

  void set_owner(Owner* owner) { owner_ = owner; }
  base::EventLoop& loop() const { return loop_; }
  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }
  ConnectionLimits::Place& place() { return place_; }
  const ConnectionLimits::Place& place() const { return place_; }
  void close();  // at once; pending output is lost
  void reset();  // the same, and the peer is not to take it for an end of our own: RST

  // Waits for a connect() in progress: how it ended.
  Task<Result<void>> connected(Time until);
  // Makes it TLS. Only before anything was read or written.
  Task<Result<void>> handshake(std::unique_ptr<TlsSession> session, Time until);
  const TlsSession* tls() const { return tls_.get(); }

  // --- input ---
  // Reads what is there, at most a block. Never suspends.
  Input read_now();
  // The first bytes of what is unread, not taken, as many as there is room for; clear only.
  Peeked peek(std::span<char> room);
  // Takes so many of the bytes that a peek has shown.
  void skip(std::size_t count);
  // Suspends until read_now() may give more; false = `until` came first. One waiter. `expected`: so
  // many bytes at least are sure to come, and may be gathered.
  base::Event::Awaiter readable(Time until = base::never, std::uint64_t expected = 0);
  bool may_be_readable() const { return is_readable_; }
  bool has_hung_up() const { return has_hung_up_; }
  // Not only that it sends no more: reset, or closed on both sides.
  bool is_gone() const { return is_gone_; }
  // The peer has sent all that it will, and nothing of it is unread. Asks the kernel; for the rare
  // moment of a hang-up.
  bool has_input_ended() const;
  // The peer has sent something that nobody has read. Asks the kernel; for rare moments too.
  bool has_unread() const;
  // Nothing is queued, and nothing will be for a while: does with less memory until then.
  void rest();
  // Wakes whoever waits, to look at what has changed meanwhile.
  void interrupt();

  // --- output ---
  // Leaves with the turn's flush, or before if much has come together. Small pieces are copied, so
  // that they do not hold the thread's read block.
  void send(Bytes bytes);
  void send(std::string_view text) { tail().append(text), sent_in_place(); }
  // The same, to be written by a flush() of the caller's own: nothing is written here.
  void queue(Bytes bytes);
  void queue(std::string_view text) { tail().append(text); }
  // The buffer that small output is collected in, to write a head in place: append to it, then
  // call sent_in_place().
  std::string& tail();
  void sent_in_place() { loop_.flush_later(*this); }
  // Writes what is queued now.
  void flush() override;
  // Queued and not yet taken by the kernel.
  std::size_t unsent() const {
    return held_ + tail_.size() - tail_sent_ + (tls_ ? tls_->unsent() : 0);
  }
  // Suspends until unsent() <= `most`, or output failed; false = `until` came first. One waiter.
  Task<bool> drained(std::size_t most, Time until = base::never);
  // Of the last failed write; output is dropped from then on.
  const boost::system::error_code& write_error() const { return write_error_; }
  // Bytes that the kernel has taken, ever; of TLS its records.
  std::uint64_t written() const { return written_; }
  Time last_written() const { return last_written_; }  // when it last took some
  // After the last flush: close_notify (TLS) and FIN.
  void shutdown_send();

 private:
  void on_events(std::uint32_t events) override;
  void gather(std::uint64_t expected);
  bool write_clear(std::span<const iovec> parts);
  bool write_tls(std::span<const iovec> parts);
  std::size_t gather(std::span<iovec> parts) const;
  void took(std::size_t count);
  void seal_tail();
  void fail_output(boost::system::error_code cause);
  void finish_shutdown();
  Input read_clear();
  Input read_tls();

  base::EventLoop& loop_;
  int descriptor_;
  int slot_;
  ConnectionLimits::Place place_;
  Owner* owner_ = nullptr;
  std::unique_ptr<TlsSession> tls_;

  bool is_readable_ = false;
  bool is_writable_ = false;
  bool has_hung_up_ = false;
  bool is_gone_ = false;
  bool is_shutdown_wanted_ = false;
  base::Event readable_;
  base::Event writable_;  // also: output advanced, or failed
  std::unique_ptr<Gathering> gathering_;  // null: much was never expected

  std::vector<Bytes> output_;  // from first_ on; tail_ comes behind it
  std::size_t first_ = 0;
  std::size_t held_ = 0;  // bytes in output_
  std::string tail_;      // its capacity belongs to the thread while nothing is queued
  std::size_t tail_sent_ = 0;
  std::uint64_t written_ = 0;
  Time last_written_;
  boost::system::error_code write_error_;
};

}  // namespace net
