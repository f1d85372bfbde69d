#include "proxy/net/tls_refusal.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace net {

std::optional<Error> refusal_of(const Transport& transport) {
  if (!transport.tls()) return std::nullopt;
  Error error = transport.tls()->error();
  if (error.cause.category() != tls_category()) return std::nullopt;
  switch (ERR_GET_REASON(static_cast<unsigned long>(static_cast<unsigned>(error.cause.value())))) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      error.detail = "the upstream refused our certificate, or wants one";
      error.unsent = true;
      error.lasting = true;
      return error;
    default:
      return std::nullopt;
  }
}

}  // namespace net
