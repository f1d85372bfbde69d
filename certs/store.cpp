#include "certs/store.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>

namespace certs {
namespace {

constexpr char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char groups[] = "X25519:P-256:P-384";
constexpr std::size_t client_read_ahead = 64 * 1024;
constexpr int longest_chain = 5;

std::string openssl_words() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code ? ERR_reason_error_string(code) : nullptr;
  ERR_clear_error();
  return reason ? reason : "it cannot be read";
}

Loaded failed(const std::string& file) {
  const std::string why = openssl_words();
  return {nullptr, file + ": " + why};
}

std::shared_ptr<Context> hardened(const SSL_METHOD* method, const std::string& min_version) {
  ERR_clear_error();
  auto made = std::make_shared<Context>(SSL_CTX_new(method));
  SSL_CTX* context = made->get();
  SSL_CTX_set_min_proto_version(context, min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_security_level(context, 2);
  SSL_CTX_set_cipher_list(context, ciphers);
  SSL_CTX_set1_groups_list(context, groups);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify_depth(context, longest_chain);
  return made;
}

std::string wire_form(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

// The first of ours that the client offers; none in common is an alert, none offered never comes here.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void* of_context) {
  const auto* context = static_cast<const Context*>(of_context);
  unsigned char* found = nullptr;
  const auto* ours = reinterpret_cast<const unsigned char*>(context->protocols.data());
  const int result = SSL_select_next_proto(&found, size, ours,
                                           static_cast<unsigned>(context->protocols.size()),
                                           offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

// Empty: fine. Else what is wrong.
std::string use_certificate(SSL_CTX* context, const std::string& cert, const std::string& key) {
  if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1) return failed(cert).problem;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return failed(key).problem;
  if (SSL_CTX_check_private_key(context) == 1) return {};
  ERR_clear_error();
  return key + ": is not the key of " + cert;
}

std::string trust(SSL_CTX* context, const std::string& ca) {
  if (SSL_CTX_load_verify_file(context, ca.c_str()) != 1) return failed(ca).problem;
  const X509_STORE* store = SSL_CTX_get_cert_store(context);
  if (sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) > 0) return {};
  return ca + ": holds no certificate";
}

// One set of ticket keys for the process: a ticket that one worker gave is good at another.
void share_ticket_keys(SSL_CTX* context) {
  static std::once_flag once;
  static std::array<unsigned char, 80> keys;
  std::call_once(once, [] { RAND_bytes(keys.data(), static_cast<int>(keys.size())); });
  SSL_CTX_set_tlsext_ticket_keys(context, keys.data(), keys.size());
}

void bind_sessions(SSL_CTX* context, const ServerSettings& settings) {
  const std::string about = settings.cert + '\n' + settings.key + '\n' + settings.client_ca;
  std::array<unsigned char, SSL_MAX_SSL_SESSION_ID_LENGTH> id{};
  unsigned size = 0;
  EVP_Digest(about.data(), about.size(), id.data(), &size, EVP_sha256(), nullptr);
  SSL_CTX_set_session_id_context(context, id.data(), std::min<unsigned>(size, id.size()));
  if (settings.client_auth == ClientAuth::none)
    share_ticket_keys(context);
  else
    SSL_CTX_set_num_tickets(context, 0), SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
}

}  // namespace

Loaded make_server_context(const ServerSettings& settings) {
  auto made = hardened(TLS_server_method(), settings.min_version);
  SSL_CTX* context = made->get();
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  if (std::string problem = use_certificate(context, settings.cert, settings.key); !problem.empty())
    return {nullptr, problem};
  if (settings.client_auth != ClientAuth::none) {
    if (std::string problem = trust(context, settings.client_ca); !problem.empty())
      return {nullptr, problem};
    const bool is_required = settings.client_auth == ClientAuth::require;
    SSL_CTX_set_verify(context,
                       SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       nullptr);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(settings.client_ca.c_str()));
  }
  bind_sessions(context, settings);
  made->protocols = wire_form(settings.protocols);
  if (!made->protocols.empty()) SSL_CTX_set_alpn_select_cb(context, choose_protocol, made.get());
  return {made, {}};
}

Loaded make_client_context(const ClientSettings& settings) {
  auto made = hardened(TLS_client_method(), settings.min_version);
  SSL_CTX* context = made->get();
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, client_read_ahead);
  if (!settings.cert.empty()) {
    if (std::string problem = use_certificate(context, settings.cert, settings.key);
        !problem.empty())
      return {nullptr, problem};
  }
  if (settings.insecure) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  } else {
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    if (settings.ca.empty()) {
      SSL_CTX_set_default_verify_paths(context);
    } else if (std::string problem = trust(context, settings.ca); !problem.empty()) {
      return {nullptr, problem};
    }
  }
  made->server_name = settings.server_name;
  made->san = settings.insecure ? std::vector<std::string>{} : settings.san;
  made->protocols = wire_form(settings.protocols);
  if (!made->protocols.empty()) {
    SSL_CTX_set_alpn_protos(context,
                            reinterpret_cast<const unsigned char*>(made->protocols.data()),
                            static_cast<unsigned>(made->protocols.size()));
  }
  return {made, {}};
}

}  // namespace certs
