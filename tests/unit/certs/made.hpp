// Certificates made for a test, as wrong as it wants them, and a folder for their files.
#pragma once

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace certs_test {

struct Freed {
  void operator()(EVP_PKEY* it) const { EVP_PKEY_free(it); }
  void operator()(X509* it) const { X509_free(it); }
  void operator()(X509_EXTENSION* it) const { X509_EXTENSION_free(it); }
  void operator()(BIO* it) const { BIO_free(it); }
};
using Key = std::unique_ptr<EVP_PKEY, Freed>;
using Certificate = std::unique_ptr<X509, Freed>;

struct Pair {
  Certificate certificate;
  Key key;
};

struct Wish {
  std::string common_name{};
  std::string san{};  // as OpenSSL's configuration has it: "DNS:a.test,URI:spiffe://b/c"
  bool is_ca = false;
  long from = -3600;  // seconds from now
  long until = 86400;
  std::string usage = "serverAuth,clientAuth";
};

inline void extend(X509* certificate, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Freed> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  REQUIRE(extension);
  REQUIRE(X509_add_ext(certificate, extension.get(), -1) == 1);
}

// Signed by `issuer`, or by itself.
inline Pair make(const Wish& wish, const Pair* issuer = nullptr) {
  static long serial = 1000;
  Pair made{Certificate(X509_new()), Key(EVP_EC_gen("P-256"))};
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.from);
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.until);
  X509_set_pubkey(certificate, made.key.get());
  if (!wish.common_name.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wish.common_name.data()),
                               static_cast<int>(wish.common_name.size()), -1, 0);
  }
  const X509* signer = issuer ? issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(signer));
  extend(certificate, NID_basic_constraints, wish.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (!wish.is_ca && !wish.usage.empty()) extend(certificate, NID_ext_key_usage, wish.usage);
  if (!wish.san.empty()) extend(certificate, NID_subject_alt_name, wish.san);
  EVP_PKEY* key = issuer ? issuer->key.get() : made.key.get();
  REQUIRE(X509_sign(certificate, key, EVP_sha256()) > 0);
  return made;
}

inline Pair make_ca(const std::string& name = "a CA") {
  return make({.common_name = name, .is_ca = true});
}

template <typename Write>
std::string pem_by(Write write) {
  const std::unique_ptr<BIO, Freed> memory(BIO_new(BIO_s_mem()));
  REQUIRE(write(memory.get()) == 1);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

inline std::string pem(const Certificate& certificate) {
  return pem_by([&](BIO* to) { return PEM_write_bio_X509(to, certificate.get()); });
}

// With a passphrase it is encrypted.
inline std::string pem(const Key& key, const char* passphrase = nullptr) {
  return pem_by([&](BIO* to) {
    return PEM_write_bio_PKCS8PrivateKey(to, key.get(), passphrase ? EVP_aes_128_cbc() : nullptr,
                                         nullptr, 0, nullptr, const_cast<char*>(passphrase));
  });
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "outrider-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path() const { return path_.string(); }
  std::string path(const std::string& name) const { return (path_ / name).string(); }
  // Returns the path.
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  std::string write(const std::string& name, const Certificate& it) const {
    return write(name, pem(it));
  }
  std::string write(const std::string& name, const Key& it) const { return write(name, pem(it)); }

 private:
  std::filesystem::path path_;
};

}  // namespace certs_test
