#include "certs/identity.hpp"

#include <openssl/crypto.h>
#include <openssl/x509v3.h>

#include <memory>

namespace certs {
namespace {

struct PresentedName {
  bool is_uri;
  std::string text;
};

std::vector<PresentedName> names_of(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::vector<PresentedName> names;
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(all.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_URI) continue;
    const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.ia5));
    std::string text(data, static_cast<std::size_t>(ASN1_STRING_length(name->d.ia5)));
    if (text.find('\0') == text.npos) names.push_back({name->type == GEN_URI, std::move(text)});
  }
  return names;
}

std::string common_name(X509* certificate) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int place = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (place < 0) return {};
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place)));
  if (size < 0) return {};
  std::string name(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return name.find('\0') == name.npos ? name : std::string();
}

}  // namespace

std::string identity_of(X509* certificate) {
  const std::vector<PresentedName> names = names_of(certificate);
  for (const PresentedName& name : names)
    if (name.is_uri && name.text.starts_with("spiffe://")) return name.text;
  for (const PresentedName& name : names)
    if (!name.is_uri) return name.text;
  return common_name(certificate);
}

bool has_name(X509* certificate, const std::vector<std::string>& wanted) {
  const std::vector<PresentedName> names = names_of(certificate);
  for (const std::string& text : wanted) {
    const bool is_uri = text.find("://") != text.npos;
    for (const PresentedName& name : names)
      if (is_uri && name.is_uri && name.text == text) return true;
    if (!is_uri && X509_check_host(certificate, text.data(), text.size(),
                                   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT |
                                       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS,
                                   nullptr) == 1)
      return true;
  }
  return false;
}

}  // namespace certs
