// The value of `date` (RFC 9110 5.6.7). Each thread has a text of its own, written anew once a second,
// so that a response costs no formatting.
#pragma once

#include <string_view>

#include "proxy/base/time.hpp"

namespace http {

// "Sun, 06 Nov 1994 08:49:37 GMT". Valid until the thread's next call.
std::string_view date_at(base::WallTime now);

}  // namespace http
