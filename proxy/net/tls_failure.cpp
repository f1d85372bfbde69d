#include "proxy/net/tls_failure.hpp"

#include "proxy/net/tls.hpp"
#include "proxy/net/tls_mistrust.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace net {
namespace {

constexpr int alert_base = SSL_AD_REASON_OFFSET;  // an alert of the peer is this and its number

TlsFailure failure_of_openssl(int reason) {
  switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return TlsFailure::plain_http;
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
    case SSL_R_LENGTH_MISMATCH:
      return TlsFailure::not_tls;
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return TlsFailure::old_version;
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
      return TlsFailure::no_cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL:
    case SSL_R_CALLBACK_FAILED:  // ours, that asks for ALPN
      return TlsFailure::no_protocol;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TlsFailure::no_certificate;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
      return TlsFailure::client_gone;
    default:
      return reason >= alert_base && reason < alert_base + 256 ? TlsFailure::refused
                                                               : TlsFailure::other;
  }
}

std::string_view words_of(TlsFailure failure) {
  switch (failure) {
    case TlsFailure::plain_http:
      return "the client speaks plain HTTP; this port speaks TLS";
    case TlsFailure::clear_port:
      return "the client speaks TLS; this port does not";
    case TlsFailure::not_tls:
      return "what the client sends is not TLS";
    case TlsFailure::old_version:
      return "the client's TLS is older than min_version";
    case TlsFailure::no_cipher:
      return "the client and we have no cipher suite or signature in common";
    case TlsFailure::no_protocol:
      return "the client offers none of this listener's protocols by ALPN";
    case TlsFailure::no_certificate:
      return "the client shows no certificate, and client_auth requires one";
    case TlsFailure::bad_certificate:
      return "the client's certificate is not trusted by client_ca";
    case TlsFailure::refused:
      return "the client refuses, most likely our certificate";
    case TlsFailure::client_gone:
      return "the client left";
    case TlsFailure::timeout:
      return "not done within handshake_timeout";
    case TlsFailure::other:
      return "the client violates the protocol";
  }
  return {};
}

}  // namespace

std::string_view to_string(TlsFailure failure) {
  constexpr std::array<std::string_view, tls_failure_count> names = {
      "plain_http",     "clear_port",      "not_tls", "old_version", "no_cipher", "no_protocol",
      "no_certificate", "bad_certificate", "refused", "client_gone", "timeout",   "other"};
  return names[static_cast<std::size_t>(failure)];
}

TlsFailure tls_failure_of(const base::Error& error) {
  if (error.reason == base::Reason::connect_timeout) return TlsFailure::timeout;
  if (error.cause.category() == verify_category()) return TlsFailure::bad_certificate;
  if (error.cause.category() != tls_category()) return TlsFailure::client_gone;
  return failure_of_openssl(
      ERR_GET_REASON(static_cast<unsigned long>(static_cast<unsigned>(error.cause.value()))));
}

std::string describe(TlsFailure failure, const base::Error& error) {
  std::string text(words_of(failure));
  const bool says_more = error.cause && failure != TlsFailure::plain_http;
  if (says_more) text.append(" (").append(error.cause.message()).append(")");
  return text;
}

}  // namespace net
