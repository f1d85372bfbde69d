// Asks the app whether it is ready. Control's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/net/resolver.hpp"

#include <string>

namespace process {

// Asks once. Why it is not ready by `until`, in words; "" = it is.
base::Task<std::string> ask_whether_ready(base::EventLoop& loop, net::Resolver& resolver,
                                          const config::Ready& ready, base::Time until);

// The status of an HTTP/1 answer by its first line; 0 = it is none.
int status_of(std::string_view line);

}  // namespace process
