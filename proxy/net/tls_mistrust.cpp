#include "proxy/net/tls_mistrust.hpp"

#include "certs/presented.hpp"
#include "proxy/base/error_category.hpp"
#include "proxy/net/tls.hpp"

#include <openssl/x509_vfy.h>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>

namespace net {
namespace {

constexpr std::size_t longest_expectation = 280;
constexpr std::uint32_t verdicts = 256;
constexpr std::uint32_t most_serial = (1u << 23) - 1;  // 0 = no text

// A misbehaving peer cannot make them grow: the oldest goes.
class LatestTexts {
 public:
  std::uint32_t add(const std::string& text) {
    const std::lock_guard lock(mutex_);
    for (const Entry& each : entries_)
      if (each.serial != 0 && each.text == text) return each.serial;
    last_ = last_ == most_serial ? 1 : last_ + 1;
    entries_[last_ % entries_.size()] = {last_, text};
    return last_;
  }

  std::string at(std::uint32_t serial) const {
    const std::lock_guard lock(mutex_);
    const Entry& entry = entries_[serial % entries_.size()];
    return entry.serial == serial ? entry.text : std::string();
  }

 private:
  struct Entry {
    std::uint32_t serial = 0;
    std::string text;
  };

  mutable std::mutex mutex_;
  std::array<Entry, 64> entries_;
  std::uint32_t last_ = 0;
};

LatestTexts& texts() {
  static LatestTexts all;
  return all;
}

std::string message_of_mistrust(int code) {
  const std::uint32_t serial = static_cast<std::uint32_t>(code) / verdicts;
  std::string text = serial == 0 ? "" : texts().at(serial);
  const auto verdict = static_cast<int>(static_cast<std::uint32_t>(code) % verdicts);
  return text.empty() ? X509_verify_cert_error_string(verdict) : text;
}

// The context's own text: nobody else chooses it.
std::string expected_name(SSL* ssl, const certs::TlsContext& context) {
  if (context.san.empty()) {
    X509_VERIFY_PARAM* check = SSL_get0_param(ssl);
    if (const char* host = X509_VERIFY_PARAM_get0_host(check, 0)) return host;
    const std::unique_ptr<char, void (*)(char*)> ip(X509_VERIFY_PARAM_get1_ip_asc(check),
                                                    [](char* text) { OPENSSL_free(text); });
    return ip ? ip.get() : "any name";
  }
  std::string names;
  for (const std::string& name : context.san)
    names.append(names.empty() ? "" : " or ").append(name);
  if (names.size() > longest_expectation) names.replace(longest_expectation, names.npos, "...");
  return names;
}

std::string remedy_of(int verdict, X509* culprit, const certs::TlsContext& context) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return context.san.empty()
                 ? "if that is the right server, set the cluster's tls.server_name or tls.san to a "
                   "name that it presents"
                 : "if that is the right server, set the cluster's tls.san to a name that it "
                   "presents";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "it expired at " + certs::expiry_of(culprit) +
             ": renew it at the upstream, or correct this machine's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "correct the clock of this machine or of the one that issued it";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "if you trust it, set the cluster's tls.ca to a file with this certificate";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
      return "its issuer is " + certs::issuer_of(culprit) +
             ": set the cluster's tls.ca to a file with the CA's certificate, and have the "
             "upstream send what is between";
    case X509_V_ERR_INVALID_PURPOSE:
      return "it is not made for servers: issue one with the extended key usage serverAuth";
    default:
      return "issue another certificate for the upstream";
  }
}

}  // namespace

const boost::system::error_category& verify_category() {
  static const base::ErrorCategory category("certificate", message_of_mistrust);
  return category;
}

boost::system::error_code certificate_error(int verdict, const std::string& text) {
  const std::uint32_t serial = text.empty() ? 0 : texts().add(text);
  return {static_cast<int>(serial * verdicts + static_cast<std::uint32_t>(verdict) % verdicts),
          verify_category()};
}

int verdict_of(const boost::system::error_code& cause) {
  return static_cast<int>(static_cast<std::uint32_t>(cause.value()) % verdicts);
}

std::string explain(int verdict, X509* leaf, X509* culprit, SSL* ssl,
                    const certs::TlsContext& context) {
  std::string text = X509_verify_cert_error_string(verdict);
  text.append(" (expected ").append(expected_name(ssl, context));
  text.append(", presented ").append(leaf ? certs::presented_names(leaf) : "no certificate");
  return text.append("); ").append(remedy_of(verdict, culprit ? culprit : leaf, context));
}

}  // namespace net
