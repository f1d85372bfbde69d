// What the process does, once a second, as server-sent events: each `data:` is one JSON object with
// `stats`, `clusters` (as those paths answer) and `metrics` (Prometheus' text). For the page.
#pragma once

#include "proxy/http/message.hpp"

namespace admin {

class AdminSource;

// It outlives the response.
http::Response watch_stream(AdminSource& source);

}  // namespace admin
