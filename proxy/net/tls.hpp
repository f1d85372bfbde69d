// TLS on a non-blocking descriptor, either side. It knows nothing of pollers: each call says what
// it waits for. Owned by a transport; its thread.
#pragma once

#include "certs/store.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"
#include "proxy/net/role.hpp"
#include "proxy/net/tls_wire.hpp"

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/uio.h>

namespace net {

struct TlsStatus {
  enum class State : std::uint8_t { ok, want_read, want_write, end, failed };
  State state = State::ok;
  std::size_t bytes = 0;  // moved before that
};

// What a client offers by ALPN: what its context says, one protocol alone, or none.
enum class Offer : std::uint8_t { as_configured, http1, h2, nothing };

class TlsSession {
 public:
  TlsSession(std::shared_ptr<const certs::TlsContext> context, int descriptor, Role role);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Client: before the handshake.
  void offer(Offer what);
  // `may_end`, here and below: the peer has hung up, so its end may follow its last bytes at once.
  TlsStatus handshake(bool may_end);
  // Reads records until `room` is full or there is none: only want_read says that the socket is
  // dry. `end` is the peer's close_notify; a connection that ends without is `failed` from then on,
  // but can still be written to; one whose peer sends more key updates and the like than its data
  // explains cannot.
  TlsStatus read(char* room, std::size_t size, bool may_end);
  // Makes full records of the parts, small ones joined and large ones from where they are, and
  // sends them together. What is made has been taken, and is sent before anything else; want_write
  // says that some of it waits for the socket, and no more is made until it is out.
  TlsStatus write(std::span<const iovec> parts);
  // Makes a close_notify, once, unless the session failed.
  void shutdown();
  // Something has been received that was not read.
  bool has_unread() const { return wire_.has_unread() || SSL_pending(ssl_.get()) > 0; }
  std::size_t unsent() const { return wire_.unsent(); }  // of what is made
  std::uint64_t bytes_sent() const { return wire_.sent(); }

  const base::Error& error() const { return error_; }  // after failed
  std::string_view protocol() const;                   // by ALPN; "" = none
  std::string peer_identity() const;                   // "" without a verified certificate
  // Of a client; zero until whoever made it has said so.
  base::Duration handshake_time() const { return handshake_time_; }
  void took(base::Duration handshake) { handshake_time_ = handshake; }

 private:
  void begin(bool may_end);  // of an operation; its end is the wire's
  TlsStatus handshake_step();
  TlsStatus read_records(char* room, std::size_t size);
  TlsStatus outcome(int result, std::size_t bytes);
  TlsStatus fail(base::Error error, std::size_t bytes);
  TlsStatus truncated(std::size_t bytes);
  TlsStatus check_peer();
  static void on_progress(const SSL* ssl, int where, int value);
  bool is_flooded() const;

  static thread_local TlsSession* present_;  // whose operation it is, if there is one

  std::shared_ptr<const certs::TlsContext> context_;
  TlsWire wire_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  base::Error error_{base::Reason::tls_failure, base::Fault::upstream, "TLS failed"};
  Role role_;
  bool has_failed_ = false;
  bool is_shut_ = false;
  base::Duration handshake_time_{};
  std::uint64_t received_ = 0;  // bytes of data
  std::uint64_t messages_ = 0;  // steps of handshake messages since the handshake
};

// Names for what OpenSSL reports, for Error::cause.
const boost::system::error_category& tls_category();
const boost::system::error_category& verify_category();

}  // namespace net
