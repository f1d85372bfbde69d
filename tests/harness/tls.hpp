// TLS for scripted peers: certificates good and bad, made once a test program in a folder of their
// own, and one end of a connection over a blocking descriptor. Contexts may be used by any thread, an
// end by one at a time.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace harness {

// Where a file of the folder lies: ca.pem; and NAME.crt, NAME.key for the names
//   good      app.test and 127.0.0.1, by the authority
//   other     other.test, by the authority
//   expired   as good, of last year
//   self      as good, signed by itself
//   client    a client's, by the authority
//   stranger  a client's, signed by itself
std::string certificate_path(const std::string& file);

using Protocols = std::vector<std::string>;  // ALPN, preferred first; empty = none is spoken of

class Tls {
 public:
  // Shows the certificate of that name; `asks_client`: and demands one of the client.
  static Tls server(const std::string& certificate, const Protocols& protocols,
                    bool asks_client = false);
  // Believes anybody, as it is the proxy that is tested; "" = shows nothing.
  static Tls client(const Protocols& protocols, const std::string& certificate = "");

 private:
  friend class TlsEnd;
  Tls(ssl_ctx_st* context, const Protocols& protocols);

  std::shared_ptr<ssl_ctx_st> context_;
  std::shared_ptr<const std::string> protocols_;  // in wire form
};

class TlsEnd {
 public:
  enum class Role { client, server };
  TlsEnd(const Tls& tls, int descriptor, Role role);

  bool handshake();
  std::string protocol() const;
  bool has_pending() const;  // a read would give something without the descriptor
  // Below zero: the connection broke, or ended without a close_notify; zero: it ended well.
  long read(char* room, std::size_t size);
  bool write(std::string_view bytes);
  void close_notify();

 private:
  Tls tls_;
  std::shared_ptr<ssl_st> ssl_;
  bool has_failed_ = false;
};

}  // namespace harness
