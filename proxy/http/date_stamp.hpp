// The value of `date` (RFC 9110 5.6.7). Each thread has a text of its own, written anew once a second,
// so that a response costs no look at the clock.
#pragma once

#include <string_view>

#include "proxy/base/time.hpp"

namespace http {

// At `now`, which is the present time of the caller's loop: "Sun, 06 Nov 1994 08:49:37 GMT". Valid until
// the thread's next call.
std::string_view date_at(base::Time now);

}  // namespace http
