// Requests as they end, as server-sent events: each `data:` is a line of the access log in JSON, an
// event `lost` says how many there was no room for. A comment goes out when nothing happens, so
// that a reader that has gone is noticed.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/http/message.hpp"
#include "proxy/observe/tap.hpp"

#include <memory>

namespace admin {

// loop: of the admin side. when: null = all.
http::Response tap_stream(base::Loop& loop, observe::Tap& tap,
                          std::shared_ptr<const config::Expression> when);

}  // namespace admin
