// A certificate that is not trusted, as the cause of an Error: OpenSSL's verdict, and of an
// upstream's also what was expected, what was presented and what to do about it. Any thread.
#pragma once

#include "certs/store.hpp"

#include <boost/system/error_code.hpp>

#include <string>

namespace net {

// Of the verify_category(). An error code has room for a number only: the texts of the latest few
// are kept by the process, one that is known already not twice, and of one that is older only the
// verdict is told. `text` = "": the verdict's own words.
boost::system::error_code certificate_error(int verdict, const std::string& text = "");
// X509_V_ERR_... of such a code.
int verdict_of(const boost::system::error_code& cause);

// Why `leaf`, which a server presents to a client of that context, is not taken. `culprit` is the
// certificate of the chain that the verdict is about.
std::string explain(int verdict, X509* leaf, X509* culprit, SSL* ssl,
                    const certs::TlsContext& context);

}  // namespace net
