// A certificate authority for development, and leaf certificates of it: `outrider certs`. Not for
// production: its key lies in a file beside them.
#pragma once

#include <string>
#include <vector>

namespace certs {

// Writes DIR/ca.pem and DIR/ca.key (kept if they are there), and DIR/NAME.crt and DIR/NAME.key for
// each of `names`, readable by the owner only where they are keys. "NAME,NAME" is one certificate
// for several names, filed by the first. A name is a DNS name, also "*.a.test" (filed as
// _wildcard.a.test), an IP address, or a SPIFFE id ("spiffe://mesh/a" is filed as mesh_a). A file
// that is there is an error, and then nothing is written. Says what it wrote on standard output;
// returns what went wrong, or "".
std::string make_development_certificates(const std::string& directory,
                                          const std::vector<std::string>& names);

}  // namespace certs
