#include "certs/presented.hpp"

#include <openssl/x509v3.h>

#include <arpa/inet.h>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string_view>

namespace certs {
namespace {

constexpr std::size_t longest_text = 120;  // of one name
constexpr std::size_t longest_list = 280;

std::string_view bytes_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= longest_text) return out + "...";
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= ' ' && byte < 0x7f && c != '\\') {
      out += c;
      continue;
    }
    char code[5];
    std::snprintf(code, sizeof code, "\\x%02x", byte);
    out += code;
  }
  return out;
}

std::string ip_of(std::string_view octets) {
  if (octets.size() != 4 && octets.size() != 16) return "invalid";
  char text[INET6_ADDRSTRLEN] = "";
  inet_ntop(octets.size() == 4 ? AF_INET : AF_INET6, octets.data(), text, sizeof text);
  return text;
}

// "" = of a kind that no check of ours looks at.
std::string text_of(const GENERAL_NAME& name) {
  switch (name.type) {
    case GEN_DNS:
      return "DNS:" + escaped(bytes_of(name.d.dNSName));
    case GEN_URI:
      return "URI:" + escaped(bytes_of(name.d.uniformResourceIdentifier));
    case GEN_IPADD:
      return "IP:" + ip_of(bytes_of(name.d.iPAddress));
    default:
      return {};
  }
}

}  // namespace

std::string presented_names(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&GENERAL_NAMES_free)> all(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  std::string list;
  int untold = 0;
  for (int i = 0; all && i < sk_GENERAL_NAME_num(all.get()); ++i) {
    const bool is_full = untold > 0;
    const std::string text = is_full ? "" : text_of(*sk_GENERAL_NAME_value(all.get(), i));
    if (is_full || list.size() + text.size() > longest_list)
      ++untold;
    else if (!text.empty())
      list.append(list.empty() ? "" : ", ").append(text);
  }
  if (untold > 0) list.append(", and ").append(std::to_string(untold)).append(" more");
  return list.empty() ? "no subject alternative name (a common name does not count)" : list;
}

std::string issuer_of(X509* certificate) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory(BIO_new(BIO_s_mem()), BIO_free);
  const X509_NAME* issuer = X509_get_issuer_name(certificate);
  if (!memory || X509_NAME_print_ex(memory.get(), issuer, 0, XN_FLAG_RFC2253) < 0) return {};
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return size > 0 ? escaped({text, static_cast<std::size_t>(size)}) : "an issuer without a name";
}

std::string expiry_of(X509* certificate) {
  std::tm time{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &time) != 1) return "an unknown time";
  char text[40] = "";
  (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &time);
  return text;
}

}  // namespace certs
