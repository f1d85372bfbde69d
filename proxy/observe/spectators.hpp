// Who looks at exchanges when they have ended, besides log and metrics. One for all workers; any
// thread.
#pragma once

#include "proxy/observe/recent_requests.hpp"
#include "proxy/observe/tap.hpp"

namespace observe {

struct Spectators {
  RecentRequests recent;
  Tap tap;
};

}  // namespace observe
