// When the certificate that a context shows expires, and when that is worth a word. Any thread.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <string>

namespace certs {

// Seconds since 1970; 0 = none is shown.
std::int64_t expiry_of(const SSL_CTX* context);

// For the log, behind its name: that it has expired, is not valid yet, or soon expires. "" = no
// need. now: seconds since 1970.
std::string remark_on(const SSL_CTX* context, std::int64_t now);

}  // namespace certs
