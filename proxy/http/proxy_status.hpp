// What the proxy behind says of an answer that it made itself, in the field `proxy-status` (RFC
// 9209). Whom it says so to is part of it: a copy that somebody hands on, an app that got such an
// answer from its own proxy, says nothing about the request at hand. Pure.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/http/headers.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace http {

struct ProxyStatus {
  base::Reason reason = base::Reason::none;
  bool is_unsent = false;  // nothing of the request went on to anybody
};

// Adds the member of a proxy of that service; `type` is RFC 9209's, `to` the pseudonym of who
// passed the request on, "" = nobody did.
void say_proxy_status(Headers& answer, std::string_view service, std::string_view type,
                      const ProxyStatus& status, std::string_view to);

// What the Outrider that made this answer says to the one of that pseudonym; nothing: it did not
// make it, or says so to somebody else.
std::optional<ProxyStatus> proxy_status_for(const Headers& answer, std::string_view pseudonym);

}  // namespace http
