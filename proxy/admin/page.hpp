// The page for people: what flows where, live, and why it fails. One file (page.html), compiled in; it
// asks this admin side alone, by what /watch, /requests and /config answer, and changes something only
// by the same POSTs as everybody.
#pragma once

#include "proxy/http/message.hpp"

namespace admin {

// Browsers want it; who does not name text/html gets the list of paths.
bool wants_page(const http::Request& request);

// Under a policy that lets no other script and no other host in (CSP, with a nonce of its own).
http::Response page();

}  // namespace admin
