// The socket as OpenSSL sees it. One receive takes all that has come, and the records of one
// operation leave in one send; in between both lie in buffers of the thread, so that a connection at
// rest owns neither. Owned by a TLS session; its thread.
#pragma once

#include <openssl/bio.h>

#include <string_view>

#include "proxy/base/bytes.hpp"
#include "proxy/base/error.hpp"

namespace net {

class TlsWire {
 public:
  // Records beyond it are made when these are out.
  static constexpr std::size_t most_collected = 64 * 1024;

  explicit TlsWire(int descriptor) : descriptor_(descriptor) {}
  TlsWire(const TlsWire&) = delete;
  TlsWire& operator=(const TlsWire&) = delete;

  // For SSL_set_bio, which takes it; null: no memory. It is the thread's, for all its sessions: what it
  // reads and writes is the wire's whose operation it is.
  static BIO* bio();

  // Around the calls to OpenSSL of one operation. `may_end`: the peer's end may be in the socket
  // behind its last bytes, so a short receive does not mean that it is empty.
  void begin(bool may_end);
  // Sends what the operation wrote, behind what waits already, and keeps the rest, of either
  // direction.
  void finish();
  // Sends what waits.
  void flush();

  bool is_full() const;  // within an operation
  bool has_unread() const { return !input_.empty(); }  // between two
  // Records that the kernel has not yet taken.
  std::size_t unsent() const { return output_.size(); }
  // The peer sends no more. OpenSSL is never told: it waits for what would come next.
  bool has_ended() const { return has_ended_; }
  // Bytes that it has.
  std::uint64_t sent() const { return sent_; }
  const boost::system::error_code& read_error() const { return read_error_; }
  // From then on output is dropped: what the peer has sent can still be read.
  const boost::system::error_code& write_error() const { return write_error_; }

 private:
  struct Callbacks;

  bool receive();
  std::size_t send(std::string_view records);
  void keep_input();

  const int descriptor_;
  bool may_end_ = false;
  bool is_socket_empty_ = false;  // for this operation
  bool has_ended_ = false;
  base::Bytes input_;        // received in an earlier operation
  std::string_view unread_;  // during an operation
  bool is_input_new_ = false;  // unread_ is of the thread's buffer, not of input_
  base::Bytes output_;
  std::uint64_t sent_ = 0;
  boost::system::error_code read_error_;
  boost::system::error_code write_error_;
};

}  // namespace net
