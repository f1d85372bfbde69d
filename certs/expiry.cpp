#include "certs/expiry.hpp"

#include <openssl/x509.h>

#include <algorithm>
#include <ctime>

namespace certs {
namespace {

constexpr std::int64_t day = 86'400;
constexpr std::int64_t warned_days = 14;

std::int64_t seconds_of(const ASN1_TIME* time) {
  std::tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

}  // namespace

std::int64_t expiry_of(const SSL_CTX* context) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  return certificate ? seconds_of(X509_get0_notAfter(certificate)) : 0;
}

// Peers refuse a certificate out of its time, but a wrong clock is no reason not to start. One that
// is renewed often is short of its end only in the last third of its life.
std::string remark_on(const SSL_CTX* context, std::int64_t now) {
  const X509* certificate = SSL_CTX_get0_certificate(context);
  if (!certificate) return {};
  const std::int64_t begin = seconds_of(X509_get0_notBefore(certificate));
  const std::int64_t end = seconds_of(X509_get0_notAfter(certificate));
  if (end < now) return "has expired";
  if (begin > now) return "is not valid yet";
  if (end - now >= std::min(warned_days * day, (end - begin) / 3)) return {};
  const std::int64_t left = (end - now) / day;
  return "expires in " + std::to_string(left) + (left == 1 ? " day" : " days");
}

}  // namespace certs
