// What a certificate presents, as text for people: peers choose it, so it is bounded and escaped.
// Any thread.
#pragma once

#include <openssl/x509.h>

#include <string>

namespace certs {

// Its subject alternative names, as "DNS:a.test, IP:10.0.0.1, URI:spiffe://a/b", in at most some
// 300 bytes of printable ASCII.
std::string presented_names(X509* certificate);

// Who issued it, as "CN=a CA", bounded and escaped likewise.
std::string issuer_of(X509* certificate);

// When it expires, as "2026-01-31T12:34:56Z".
std::string expiry_of(X509* certificate);

}  // namespace certs
