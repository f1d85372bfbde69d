// What the proxy behind says of an answer that it made itself, in the field `proxy-status` (RFC
// 9209). Pure.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/http/headers.hpp"

#include <optional>

namespace http {

// Why an Outrider made this answer, by the vocabulary of failures; nothing: it does not say so. The
// last one that the answer passed on its way here.
std::optional<base::Reason> reason_of_proxy(const Headers& answer);
// A proxy that gives this reason has sent nothing of the request on.
bool means_unsent(base::Reason reason);

}  // namespace http
