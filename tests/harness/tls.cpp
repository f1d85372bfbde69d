#include "tests/harness/tls.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace harness {
namespace {

constexpr long a_day = 24 * 60 * 60;

struct Issued {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;
};

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Null `by`: signs itself. Valid from a day before `until_days` is counted.
Issued issue(const std::string& name, const std::string& names, const Issued* by, long from_days,
             long until_days) {
  static long serial = 1;
  Issued made{{X509_new(), X509_free}, {EVP_EC_gen("P-256"), EVP_PKEY_free}};
  X509* it = made.certificate.get();
  X509_set_version(it, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(it), serial++);
  X509_gmtime_adj(X509_getm_notBefore(it), from_days * a_day);
  X509_gmtime_adj(X509_getm_notAfter(it), until_days * a_day);
  X509_set_pubkey(it, made.key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(it), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509* issuer = by ? by->certificate.get() : it;
  X509_set_issuer_name(it, X509_get_subject_name(issuer));
  extend(it, issuer, NID_basic_constraints, names.empty() ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!names.empty()) extend(it, issuer, NID_subject_alt_name, names);
  X509_sign(it, (by ? by->key : made.key).get(), EVP_sha256());
  return made;
}

void write(const Issued& it, const std::string& certificate, const std::string& key) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(certificate.c_str(), "w"),
                                                             std::fclose);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> key_file(std::fopen(key.c_str(), "w"),
                                                                 std::fclose);
  if (!file || !key_file) throw std::runtime_error("cannot write " + certificate);
  PEM_write_X509(file.get(), it.certificate.get());
  PEM_write_PrivateKey(key_file.get(), it.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
}

class Folder {
 public:
  Folder() {
    std::string path = (std::filesystem::temp_directory_path() / "outrider-test-XXXXXX").string();
    if (!mkdtemp(path.data())) throw std::runtime_error("no folder for certificates");
    path_ = path;
    const std::string names = "DNS:app.test,IP:127.0.0.1";
    const Issued authority = issue("Test CA", "", nullptr, -1, 30);
    write(authority, path_ + "/ca.pem", path_ + "/ca.key");
    add("good", issue("app.test", names, &authority, -1, 30));
    add("other", issue("other.test", "DNS:other.test", &authority, -1, 30));
    add("expired", issue("app.test", names, &authority, -400, -35));
    add("self", issue("app.test", names, nullptr, -1, 30));
    add("client", issue("client.test", "DNS:client.test", &authority, -1, 30));
    add("stranger", issue("client.test", "DNS:client.test", nullptr, -1, 30));
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  void add(const std::string& name, const Issued& it) {
    write(it, path_ + '/' + name + ".crt", path_ + '/' + name + ".key");
  }
  std::string path_;
};

std::string wire_form(const Protocols& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    wire += static_cast<char>(protocol.size());
    wire += protocol;
  }
  return wire;
}

const unsigned char* bytes_of(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

int select_protocol(SSL*, const unsigned char** chosen, unsigned char* size,
                    const unsigned char* offered, unsigned offered_size, void* ours) {
  const auto& protocols = *static_cast<const std::string*>(ours);
  const int result = SSL_select_next_proto(const_cast<unsigned char**>(chosen), size,
                                           bytes_of(protocols),
                                           static_cast<unsigned>(protocols.size()), offered,
                                           offered_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

void show(SSL_CTX* context, const std::string& certificate) {
  const std::string path = certificate_path(certificate + ".crt");
  const std::string key = certificate_path(certificate + ".key");
  if (SSL_CTX_use_certificate_file(context, path.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    throw std::runtime_error("cannot use " + path);
}

}  // namespace

std::string certificate_path(const std::string& file) {
  static const Folder folder;
  return folder.path() + '/' + file;
}

Tls::Tls(SSL_CTX* context, const Protocols& protocols)
    : context_(context, SSL_CTX_free),
      protocols_(std::make_shared<const std::string>(wire_form(protocols))) {
  SSL_CTX_set_mode(context, SSL_MODE_AUTO_RETRY);
}

Tls Tls::server(const std::string& certificate, const Protocols& protocols, bool asks_client) {
  Tls tls(SSL_CTX_new(TLS_server_method()), protocols);
  SSL_CTX* context = tls.context_.get();
  show(context, certificate);
  if (!protocols.empty())
    SSL_CTX_set_alpn_select_cb(context, select_protocol,
                               const_cast<std::string*>(tls.protocols_.get()));
  if (asks_client) {
    SSL_CTX_load_verify_file(context, certificate_path("ca.pem").c_str());
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return tls;
}

Tls Tls::client(const Protocols& protocols, const std::string& certificate) {
  Tls tls(SSL_CTX_new(TLS_client_method()), protocols);
  if (!certificate.empty()) show(tls.context_.get(), certificate);
  if (!protocols.empty())
    SSL_CTX_set_alpn_protos(tls.context_.get(), bytes_of(*tls.protocols_),
                            static_cast<unsigned>(tls.protocols_->size()));
  return tls;
}

TlsEnd::TlsEnd(const Tls& tls, int descriptor, Role role)
    : tls_(tls), ssl_(SSL_new(tls.context_.get()), SSL_free) {
  SSL_set_fd(ssl_.get(), descriptor);
  if (role == Role::server)
    SSL_set_accept_state(ssl_.get());
  else
    SSL_set_connect_state(ssl_.get());
}

bool TlsEnd::handshake() {
  ERR_clear_error();
  has_failed_ = SSL_do_handshake(ssl_.get()) != 1;
  return !has_failed_;
}

std::string TlsEnd::protocol() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

bool TlsEnd::has_pending() const { return SSL_has_pending(ssl_.get()) == 1; }

long TlsEnd::read(char* room, std::size_t size) {
  ERR_clear_error();
  std::size_t got = 0;
  if (SSL_read_ex(ssl_.get(), room, size, &got) == 1) return static_cast<long>(got);
  if (SSL_get_error(ssl_.get(), 0) == SSL_ERROR_ZERO_RETURN) return 0;
  has_failed_ = true;
  return -1;
}

bool TlsEnd::write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t sent = 0;
  while (!bytes.empty()) {
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) != 1) {
      has_failed_ = true;
      return false;
    }
    bytes.remove_prefix(sent);
  }
  return true;
}

void TlsEnd::close_notify() {
  ERR_clear_error();
  if (!has_failed_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
}

}  // namespace harness
