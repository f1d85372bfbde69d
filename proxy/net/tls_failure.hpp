// Why a TLS handshake with a client failed, in a few words that a metric can count. Pure.
#pragma once

#include "proxy/base/error.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace net {

enum class TlsFailure : std::uint8_t {
  plain_http,       // HTTP in clear
  clear_port,       // TLS, where none is spoken
  not_tls,          // neither
  old_version,      // no version in common
  no_cipher,        // no cipher suite, group or signature in common
  no_protocol,      // by ALPN: none in common, or none offered where one is needed
  no_certificate,   // the client shows none though it has to
  bad_certificate,  // the client's is not trusted
  refused,          // an alert: the client does not take our certificate, or something else of ours
  client_gone,
  timeout,
  other,
};
inline constexpr std::size_t tls_failure_count = static_cast<std::size_t>(TlsFailure::other) + 1;

std::string_view to_string(TlsFailure failure);
TlsFailure tls_failure_of(const base::Error& error);
// The error for people: what happened and what to look at.
std::string describe(TlsFailure failure, const base::Error& error);

}  // namespace net
