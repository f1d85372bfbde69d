// TLS on a non-blocking descriptor, either side: OpenSSL reads and writes the socket itself. It knows
// nothing of pollers: each call says what it waits for. Owned by a transport; its thread.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "certs/store.hpp"
#include "proxy/base/error.hpp"

namespace net {

struct TlsStatus {
  enum class State { ok, want_read, want_write, end, failed };
  State state = State::ok;
  std::size_t bytes = 0;  // moved before that
};

class TlsSession {
 public:
  enum class Role { server, client };

  TlsSession(std::shared_ptr<const certs::Context> context, int descriptor, Role role);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  TlsStatus handshake();
  // Reads records until `room` is full or there is none: only want_read says that the socket is dry.
  // `end` is the peer's close_notify; a connection that ends without is `failed`, and so is one whose
  // peer sends more key updates and the like than its data explains.
  TlsStatus read(char* room, std::size_t size);
  // After want_*, the next call must begin with the same bytes.
  TlsStatus write(std::string_view bytes);
  void shutdown();  // sends close_notify, once, unless the session failed

  const base::Error& error() const { return error_; }  // after failed
  std::string_view protocol() const;                   // by ALPN; "" = none
  std::string peer_identity() const;                   // "" without a verified certificate

 private:
  TlsStatus outcome(int result, std::size_t bytes);
  TlsStatus fail(base::Error error, std::size_t bytes);
  TlsStatus check_peer();
  static void on_progress(const SSL* ssl, int where, int value);
  bool is_flooded() const;

  std::shared_ptr<const certs::Context> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  base::Error error_{base::Reason::tls_failure, base::Fault::upstream, "TLS failed"};
  Role role_;
  bool has_failed_ = false;
  std::uint64_t received_ = 0;  // bytes of data
  std::uint64_t messages_ = 0;  // steps of handshake messages since the handshake
};

// Names for what OpenSSL reports, for Error::cause.
const boost::system::error_category& tls_category();
const boost::system::error_category& verify_category();

}  // namespace net
