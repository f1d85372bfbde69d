// A certificate authority for development, and leaf certificates of it: `outrider certs`. Not for
// production: its key lies in a file beside them.
#pragma once

#include <string>
#include <vector>

namespace certs {

// Writes DIR/ca.pem and DIR/ca.key (kept if they are there), and DIR/NAME.crt and DIR/NAME.key for
// each name (made anew), readable by the owner only where they are keys. A name is a DNS name or an IP
// address. Says what it wrote on standard output; returns what went wrong, or "".
std::string make_development_certificates(const std::string& directory,
                                          const std::vector<std::string>& names);

}  // namespace certs
