#include "certs/authority.hpp"

#include "proxy/base/address.hpp"
#include "proxy/base/ascii.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

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

constexpr std::string_view spiffe = "spiffe://";

bool is_host(std::string_view name) {
  if (name.empty() || name.size() > 253 || name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '.';
  });
}

// The trust domain and a path, as SPIFFE-ID 2 has them.
bool is_spiffe_id(std::string_view name) {
  if (!name.starts_with(spiffe) || name.size() > 2048) return false;
  const std::string_view rest = name.substr(spiffe.size());
  const std::string_view domain = rest.substr(0, rest.find('/'));
  const bool is_closed = rest.ends_with('/') || rest.find("//") != rest.npos;
  const bool has_dots = (std::string(rest) + '/').find("/../") != std::string::npos ||
                        (std::string(rest) + '/').find("/./") != std::string::npos;
  const bool is_of_characters = std::all_of(rest.begin(), rest.end(), [](char c) {
    return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '.' || c == '_' || c == '/';
  });
  return is_host(domain) && is_of_characters && !is_closed && !has_dots;
}

// As the certificate has it; "" = it is no name.
std::string alternative_name(const std::string& name) {
  if (base::Address::parse_ip(name, 0)) return "IP:" + name;
  if (is_spiffe_id(name)) return "URI:" + name;
  const bool is_wildcard = name.starts_with("*.") && name.find('.', 2) != name.npos;
  if (is_host(std::string_view(name).substr(is_wildcard ? 2 : 0))) return "DNS:" + name;
  return {};
}

// One certificate to be made.
struct Wanted {
  std::string first;  // of its names
  std::string names;  // as the certificate has them
  std::string file;   // of both files, without their ends
};

// Where the certificate of that name goes: "*.a.test" and "spiffe://mesh/a/b" are no names of
// files.
std::string file_of(const std::string& name) {
  if (name.starts_with("*.")) return "_wildcard" + name.substr(1);
  std::string file = name.starts_with(spiffe) ? name.substr(spiffe.size()) : name;
  std::replace(file.begin(), file.end(), '/', '_');
  return file;
}

// "NAME,NAME": all in one certificate, filed by the first. Else what is wrong.
std::string understand(const std::string& list, const std::string& directory, Wanted& into) {
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string name = list.substr(begin, end - begin);
    const std::string alternative = alternative_name(name);
    if (alternative.empty())
      return "\"" + name + "\" is neither a DNS name, an IP address nor a SPIFFE id";
    if (into.first.empty()) into.first = name;
    into.names += (into.names.empty() ? "" : ",") + alternative;
    begin = end + 1;
  }
  into.file = directory + '/' + file_of(into.first);
  if (file_of(into.first) == "ca") return "\"ca\" is the authority's own name";
  return {};
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

Pair make_leaf(const Wanted& wanted, const Pair& authority) {
  Key key(EVP_EC_gen("P-256"));
  Certificate certificate = unsigned_certificate(wanted.first.substr(0, 64), key.get(), leaf_days);
  X509* made = certificate.get();
  X509* issuer = authority.certificate.get();
  X509_set_issuer_name(made, X509_get_subject_name(issuer));
  extend(made, issuer, NID_basic_constraints, "critical,CA:FALSE");
  extend(made, issuer, NID_key_usage, "critical,digitalSignature");
  extend(made, issuer, NID_ext_key_usage, "serverAuth,clientAuth");
  extend(made, issuer, NID_subject_alt_name, wanted.names);
  extend(made, issuer, NID_subject_key_identifier, "hash");
  extend(made, issuer, NID_authority_key_identifier, "keyid");
  X509_sign(made, authority.key.get(), EVP_sha256());
  return {std::move(certificate), std::move(key)};
}

File open_to_write(const std::string& path, int mode) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
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

// Files are never overwritten: somebody may use them.
std::string what_is_there(const std::vector<Wanted>& all) {
  std::string there;
  std::set<std::string> files;
  for (const Wanted& wanted : all) {
    if (!files.insert(wanted.file).second)
      return "two certificates would be " + wanted.file + ".crt";
    for (const char* end : {".crt", ".key"})
      if (std::filesystem::exists(wanted.file + end))
        there += (there.empty() ? "" : ", ") + wanted.file + end;
  }
  return there.empty() ? there : there + ": there already; move away what is to be made anew";
}

// The CA that is there, or a new one.
std::string find_authority(const std::string& directory, Pair& into) {
  const std::string ca = directory + "/ca.pem";
  const std::string ca_key = directory + "/ca.key";
  into = read_pair(ca, ca_key);
  if (into.key) {
    std::printf("kept   %s (and its key)\n", ca.c_str());
    return {};
  }
  const bool has_either = std::filesystem::exists(ca) || std::filesystem::exists(ca_key);
  if (has_either) return ca + " and " + ca_key + " are not a pair: move them away first";
  into = make_authority();
  if (std::string why = write_pair(into, ca, ca_key); !why.empty()) return why;
  std::printf("made   %s (and its key)\n", ca.c_str());
  return {};
}

}  // namespace

std::string make_development_certificates(const std::string& directory,
                                          const std::vector<std::string>& names) {
  std::vector<Wanted> all(names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    if (std::string why = understand(names[i], directory, all[i]); !why.empty()) return why;
  if (std::string why = what_is_there(all); !why.empty()) return why;
  std::error_code problem;
  std::filesystem::create_directories(directory, problem);
  if (problem) return "cannot make the folder " + directory + ": " + problem.message();
  Pair authority;
  if (std::string why = find_authority(directory, authority); !why.empty()) return why;
  for (const Wanted& wanted : all) {
    const Pair leaf = make_leaf(wanted, authority);
    if (std::string why = write_pair(leaf, wanted.file + ".crt", wanted.file + ".key");
        !why.empty())
      return why;
    std::printf("made   %s.crt (and its key), for %s, %ld days\n", wanted.file.c_str(),
                wanted.names.c_str(), leaf_days);
  }
  return {};
}

}  // namespace certs
