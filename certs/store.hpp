// TLS contexts made from files: what a listener shows its clients, and what a cluster demands of its
// endpoints. Immutable once made, shared by all workers. Any thread.
#pragma once

#include "proxy/base/client_auth.hpp"

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace certs {

struct TlsServerSettings {
  std::string cert;       // PEM: the leaf, then its chain
  std::string key;        // PEM
  std::string client_ca;  // PEM; "" = clients show no certificate
  base::ClientAuth client_auth = base::ClientAuth::none;
  std::string min_version = "1.2";
  std::vector<std::string> protocols;  // ALPN, preferred first; none offered is no error
};

struct TlsClientSettings {
  std::string ca;  // PEM; "" = the system's store
  std::string cert;
  std::string key;
  std::string server_name;        // DNS name (also sent as SNI) or IP; may be "" if `san` or `insecure`
  std::vector<std::string> san;   // DNS names or spiffe:// URIs that replace the check of the name
  std::string min_version = "1.2";
  bool insecure = false;
  std::vector<std::string> protocols;
};

// The files of the settings, in the order of their fields; "" = none.
std::vector<std::string> files_of(const TlsServerSettings& settings);
std::vector<std::string> files_of(const TlsClientSettings& settings);

class TlsContext {
 public:
  explicit TlsContext(SSL_CTX* context) : context_(context, SSL_CTX_free) {}
  SSL_CTX* get() const { return context_.get(); }

  std::string sni;               // of a client context; "" = none is sent
  std::vector<std::string> san;  // of a client context: the peer must have one; empty = not asked here
  std::string protocols;         // in wire form
  // When the certificate that we show expires, in seconds since 1970; 0 = none is shown.
  std::int64_t not_after = 0;
  std::string files_state;  // as it was before the first of them was read

 private:
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
};

// A context, or in words why there is none: which file, and what is wrong with it.
struct LoadedContext {
  std::shared_ptr<const TlsContext> context;
  std::string problem;
  // For the log, "" = nothing: the certificate that we show was usable once, or will be.
  std::string remark{};
  std::string file{};  // that the problem or the remark is about; "" = about none
};

LoadedContext make_server_context(const TlsServerSettings& settings);
// The check of the peer's chain and name is part of the context; `san` is for whoever shakes hands.
LoadedContext make_client_context(const TlsClientSettings& settings);

}  // namespace certs
