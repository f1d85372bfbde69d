// The last exchanges that went badly, as JSON: each with its attempts, and which policies had a say
// in it, by where they are written. Pure.
#pragma once

#include "proxy/observe/recent_requests.hpp"
#include "proxy/server/plan.hpp"

#include <string>
#include <string_view>

namespace admin {

// id: "" = all that are kept, the latest first.
std::string requests_json(const server::Plan& plan, const observe::RecentRequests& recent,
                          std::string_view id);

}  // namespace admin
