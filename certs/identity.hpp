// Who a certificate says its holder is. Any thread.
#pragma once

#include <openssl/x509.h>

#include <string>
#include <string_view>
#include <vector>

namespace certs {

// The SPIFFE URI among the alternative names, else the first DNS name, else the common name; "" = none.
std::string identity_of(X509* certificate);

// Whether one of the alternative names is one of `names` (DNS, or a URI). Names with a NUL in them
// match nothing.
bool has_name(X509* certificate, const std::vector<std::string>& names);

}  // namespace certs
