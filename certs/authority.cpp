#include "certs/authority.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

#include "proxy/base/address.hpp"
#include "proxy/base/ascii.hpp"

namespace certs {
namespace {

struct Freed {
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(X509_EXTENSION* it) const { X509_EXTENSION_free(it); }
  void operator()(std::FILE* it) const { std::fclose(it); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed>;
using Certificate = std::unique_ptr<X509, Freed>;
using File = std::unique_ptr<std::FILE, Freed>;

constexpr long a_day = 24 * 60 * 60;
constexpr long ca_days = 3650;
constexpr long leaf_days = 825;
constexpr long an_hour = 60 * 60;  // clocks of two machines may differ

struct Pair {
  Certificate certificate;
  Key key;
};

bool valid_name(const std::string& name) {
  if (base::Address::parse_ip(name, 0)) return true;
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.front() == '-') return false;
  for (const char c : name)
    if (!base::is_alpha(c) && !base::is_digit(c) && c != '-' && c != '.') return false;
  return name != "ca";
}

void extend(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (extension) X509_add_ext(certificate, extension.get(), -1);
}

Certificate unsigned_certificate(const std::string& common_name, EVP_PKEY* key, long days) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  std::uint64_t serial = 0;
  RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -an_hour);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), days * a_day);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1,
                             0);
  return certificate;
}

Pair make_authority() {
  Key key(EVP_EC_gen("P-256"));
  Certificate certificate = unsigned_certificate("Outrider development CA", key.get(), ca_days);
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
  X509* made = certificate.get();
  extend(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  extend(made, made, NID_key_usage, "critical,keyCertSign,cRLSign");
  extend(made, made, NID_subject_key_identifier, "hash");
  X509_sign(made, key.get(), EVP_sha256());
  return {std::move(certificate), std::move(key)};
}

Pair make_leaf(const std::string& name, const Pair& authority) {
  Key key(EVP_EC_gen("P-256"));
  Certificate certificate =
      unsigned_certificate(name.substr(0, 64), key.get(), leaf_days);
  X509* made = certificate.get();
  X509* issuer = authority.certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(issuer));
  const bool is_ip = base::Address::parse_ip(name, 0).has_value();
  extend(made, issuer, NID_basic_constraints, "critical,CA:FALSE");
  extend(made, issuer, NID_key_usage, "critical,digitalSignature");
  extend(made, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  extend(made, issuer, NID_subject_alt_name, (is_ip ? "IP:" : "DNS:") + name);
  extend(made, issuer, NID_subject_key_identifier, "hash");
  extend(made, issuer, NID_authority_key_identifier, "keyid");
  X509_sign(made, authority.key.get(), EVP_sha256());
  return {std::move(certificate), std::move(key)};
}

File open_to_write(const std::string& path, int mode) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (descriptor < 0) return nullptr;
  ::fchmod(descriptor, static_cast<mode_t>(mode));
  return File(::fdopen(descriptor, "w"));
}

std::string write_pair(const Pair& pair, const std::string& certificate, const std::string& key) {
  const File key_file = open_to_write(key, 0600);
  if (!key_file || !PEM_write_PrivateKey(key_file.get(), pair.key.get(), nullptr, nullptr, 0,
                                         nullptr, nullptr))
    return "cannot write " + key;
  const File file = open_to_write(certificate, 0644);
  if (!file || !PEM_write_X509(file.get(), pair.certificate.get()))
    return "cannot write " + certificate;
  return {};
}

// Null parts: one of the files is missing or is not what it should be.
Pair read_pair(const std::string& certificate, const std::string& key) {
  const File file(std::fopen(certificate.c_str(), "r"));
  const File key_file(std::fopen(key.c_str(), "r"));
  if (!file || !key_file) return {};
  Pair pair{Certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr)),
            Key(PEM_read_PrivateKey(key_file.get(), nullptr, nullptr, nullptr))};
  const bool fits = pair.certificate && pair.key &&
                    X509_check_private_key(pair.certificate.get(), pair.key.get()) == 1;
  ERR_clear_error();
  return fits ? std::move(pair) : Pair{};
}

}  // namespace

std::string make_development_certificates(const std::string& directory,
                                          const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (!valid_name(name)) return "\"" + name + "\" is neither a DNS name nor an IP address";
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) return "cannot make the folder " + directory + ": " + problem.message();

  const std::string ca = directory + "/ca.pem";
  const std::string ca_key = directory + "/ca.key";
  Pair authority = read_pair(ca, ca_key);
  if (authority.key) {
    std::printf("kept   %s (and its key)\n", ca.c_str());
  } else {
    const bool has_either = std::filesystem::exists(ca) || std::filesystem::exists(ca_key);
    if (has_either) return ca + " and " + ca_key + " are not a pair: move them away first";
    authority = make_authority();
    if (std::string why = write_pair(authority, ca, ca_key); !why.empty()) return why;
    std::printf("made   %s (and its key)\n", ca.c_str());
  }
  for (const std::string& name : names) {
    const std::string certificate = directory + '/' + name + ".crt";
    const Pair leaf = make_leaf(name, authority);
    if (std::string why = write_pair(leaf, certificate, directory + '/' + name + ".key");
        !why.empty())
      return why;
    std::printf("made   %s (and its key), for %s, %ld days\n", certificate.c_str(), name.c_str(),
                leaf_days);
  }
  return {};
}

}  // namespace certs
