#include "certs/store.hpp"

#include "certs/expiry.hpp"
#include "certs/files_state.hpp"
#include "certs/tickets.hpp"
#include "proxy/base/address.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace certs {
namespace {

constexpr char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char groups[] = "X25519:P-256:P-384";
constexpr int longest_chain = 5;

constexpr off_t largest_file = 4 * 1024 * 1024;

// Why a file cannot be read, or "". A folder, a pipe and nothing at all are told from bad PEM.
std::string why_unreadable(const std::string& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return std::generic_category().message(errno);
  struct stat status {};
  const int result = ::fstat(descriptor, &status);
  ::close(descriptor);
  if (result != 0 || !S_ISREG(status.st_mode)) return "is not a file";
  if (status.st_size == 0) return "is empty";
  return status.st_size > largest_file ? "is too large" : "";
}

// Each of OpenSSL's readers has its own way to say that there is nothing of the kind.
bool says_nothing_found(unsigned long code) {
  const int reason = ERR_GET_REASON(code);
  switch (ERR_GET_LIB(code)) {
    case ERR_LIB_PEM:
      return reason == PEM_R_NO_START_LINE;
    case ERR_LIB_X509:
      return reason == X509_R_NO_CERTIFICATE_OR_CRL_FOUND;
    case ERR_LIB_OSSL_DECODER:
      return reason == ERR_R_UNSUPPORTED;
    default:
      return false;
  }
}

// What is wrong, and with which file ("" = with none); none.
struct Complaint {
  std::string file;
  std::string what{};

  bool empty() const { return what.empty(); }
  std::string text() const { return file.empty() ? what : file + ": " + what; }
};

// In words what OpenSSL found wrong in a file that should hold `what`.
Complaint complaint(const std::string& file, const std::string& what) {
  const unsigned long first = ERR_peek_error();
  const char* reason = ERR_reason_error_string(first);
  const bool has_none = says_nothing_found(first);
  ERR_clear_error();
  if (has_none || !reason) return {file, "holds no " + what + " in PEM form"};
  return {file, "holds no " + what + " that can be used: " + reason};
}

// Asked for the passphrase of an encrypted key. Nobody is there to type one.
int refuse_passphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return -1;
}

// Null: OpenSSL itself does not work.
std::shared_ptr<TlsContext> hardened(const SSL_METHOD* method, const std::string& min_version) {
  ERR_clear_error();
  auto made = std::make_shared<TlsContext>(SSL_CTX_new(method));
  SSL_CTX* context = made->get();
  if (!context) return nullptr;
  SSL_CTX_set_min_proto_version(context, min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_security_level(context, 2);
  if (SSL_CTX_set_cipher_list(context, ciphers) != 1 ||
      SSL_CTX_set1_groups_list(context, groups) != 1)
    return nullptr;
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // Comes back after each message that is no data, so that a session can count them.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify_depth(context, longest_chain);
  return made;
}

LoadedContext without_openssl() {
  return {nullptr, "OpenSSL cannot make a TLS context", {}, {}};
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
  const auto* context = static_cast<const TlsContext*>(of_context);
  unsigned char* found = nullptr;
  const auto* ours = reinterpret_cast<const unsigned char*>(context->protocols.data());
  const int result = SSL_select_next_proto(&found, size, ours,
                                           static_cast<unsigned>(context->protocols.size()),
                                           offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

// A server without HTTP/1 has nothing to speak with a client that does not say what it wants.
int require_protocol(SSL* ssl, int* alert, void*) {
  const unsigned char* offered = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation, &offered,
                                &size) == 1)
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
  return SSL_CLIENT_HELLO_ERROR;
}

Complaint use_certificate(SSL_CTX* context, const std::string& cert, const std::string& key) {
  for (const std::string& file : {cert, key})
    if (std::string why = why_unreadable(file); !why.empty()) return {file, why};
  if (SSL_CTX_use_certificate_chain_file(context, cert.c_str()) != 1)
    return complaint(cert, "certificate");
  bool is_encrypted = false;
  SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &is_encrypted);
  const bool is_read = SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  const bool is_another = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH ||
                          ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_TYPE_MISMATCH;
  if (is_encrypted || (!is_read && !is_another)) {
    Complaint why = complaint(key, "private key");
    if (is_encrypted) why.what = "is encrypted; a key without a passphrase is needed";
    return why;
  }
  if (is_read && SSL_CTX_check_private_key(context) == 1) return {};
  ERR_clear_error();
  return {key, "is not the key of " + cert};
}

Complaint trust(SSL_CTX* context, const std::string& ca) {
  if (std::string why = why_unreadable(ca); !why.empty()) return {ca, why};
  if (SSL_CTX_load_verify_file(context, ca.c_str()) != 1) return complaint(ca, "certificate");
  const auto* objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(context));
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i)
    if (X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i))) return {};
  return {ca, "holds no certificate in PEM form"};
}

// A ticket resumes a session only with the very certificate that it was made under.
Complaint bind_sessions(SSL_CTX* context, const TlsServerSettings& settings) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> id{};
  unsigned size = 0;
  if (X509_digest(SSL_CTX_get0_certificate(context), EVP_sha256(), id.data(), &size) != 1 ||
      SSL_CTX_set_session_id_context(context, id.data(), size) != 1)
    return {"", "OpenSSL cannot make a digest"};
  if (settings.client_auth == base::ClientAuth::none) {
    share_ticket_keys(context);
  } else {
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  }
  return {};
}

Complaint verify_clients(SSL_CTX* context, const TlsServerSettings& settings) {
  if (settings.client_auth == base::ClientAuth::none) return {};
  if (settings.client_ca.empty()) return {"", "client_auth needs client_ca"};
  if (Complaint problem = trust(context, settings.client_ca); !problem.empty()) return problem;
  const bool is_required = settings.client_auth == base::ClientAuth::require;
  SSL_CTX_set_verify(
      context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(settings.client_ca.c_str()));
  return {};
}

// OpenSSL takes a leading dot for "any name below".
bool is_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.find('\0') == name.npos;
}

// Puts the check of the name into the context, where a mistake is seen before any connection.
Complaint verify_name(SSL_CTX* context, const TlsClientSettings& settings, std::string name) {
  for (const std::string& other : settings.san)
    if (!is_name(other)) return {"", "san: \"" + other + "\" is not a name"};
  if (!settings.san.empty()) return {};  // these replace the check of the name
  if (!is_name(name)) return {"", "server_name: \"" + name + "\" is not a name"};
  X509_VERIFY_PARAM* check = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(
      check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool is_set = base::Address::parse_ip(name, 0)
                          ? X509_VERIFY_PARAM_set1_ip_asc(check, name.c_str()) == 1
                          : X509_VERIFY_PARAM_set1_host(check, name.data(), name.size()) == 1;
  if (is_set) return {};
  return {"", "server_name: \"" + name + "\" cannot be checked"};
}

Complaint verify_server(SSL_CTX* context, const TlsClientSettings& settings,
                        const std::string& name) {
  if (settings.insecure) {
    SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
    return {};
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (settings.ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) return {"", "the system has no store of CAs"};
  } else if (Complaint problem = trust(context, settings.ca); !problem.empty()) {
    return problem;
  }
  return verify_name(context, settings, name);
}

LoadedContext refused(const Complaint& why) {
  return {nullptr, why.text(), {}, why.file};
}

LoadedContext with_remark(std::shared_ptr<const TlsContext> made, const std::string& cert) {
  const Complaint remark{cert, remark_on(made->get(), std::time(nullptr))};
  if (remark.empty()) return {std::move(made), {}, {}, {}};
  return {std::move(made), {}, remark.text(), cert};
}

}  // namespace

std::vector<std::string> files_of(const TlsServerSettings& settings) {
  return {settings.cert, settings.key, settings.client_ca};
}

std::vector<std::string> files_of(const TlsClientSettings& settings) {
  return {settings.ca, settings.cert, settings.key};
}

LoadedContext make_server_context(const TlsServerSettings& settings) {
  auto made = hardened(TLS_server_method(), settings.min_version);
  if (!made) return without_openssl();
  made->files_state = state_of(files_of(settings));
  SSL_CTX* context = made->get();
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  Complaint problem = use_certificate(context, settings.cert, settings.key);
  if (problem.empty()) problem = verify_clients(context, settings);
  if (problem.empty()) problem = bind_sessions(context, settings);
  ERR_clear_error();
  if (!problem.empty()) return refused(problem);
  made->not_after = expiry_of(context);
  made->protocols = wire_form(settings.protocols);
  if (made->protocols.empty()) return with_remark(std::move(made), settings.cert);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, made.get());
  const bool needs_alpn = std::find(settings.protocols.begin(), settings.protocols.end(),
                                    "http/1.1") == settings.protocols.end();
  if (needs_alpn) SSL_CTX_set_client_hello_cb(context, require_protocol, nullptr);
  return with_remark(std::move(made), settings.cert);
}

LoadedContext make_client_context(const TlsClientSettings& settings) {
  auto made = hardened(TLS_client_method(), settings.min_version);
  if (!made) return without_openssl();
  made->files_state = state_of(files_of(settings));
  SSL_CTX* context = made->get();
  std::string name = settings.server_name;
  if (name.ends_with('.')) name.pop_back();  // the root's dot is in no certificate
  Complaint problem;
  if (!settings.cert.empty()) problem = use_certificate(context, settings.cert, settings.key);
  if (problem.empty()) problem = verify_server(context, settings, name);
  ERR_clear_error();
  if (!problem.empty()) return refused(problem);
  if (is_name(name) && !base::Address::parse_ip(name, 0)) made->sni = name;
  made->san = settings.insecure ? std::vector<std::string>{} : settings.san;
  made->not_after = expiry_of(context);
  made->protocols = wire_form(settings.protocols);
  if (!made->protocols.empty()) {
    SSL_CTX_set_alpn_protos(context,
                            reinterpret_cast<const unsigned char*>(made->protocols.data()),
                            static_cast<unsigned>(made->protocols.size()));
  }
  return with_remark(std::move(made), settings.cert);
}

}  // namespace certs
