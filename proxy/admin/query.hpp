// The query of a request to the admin side. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace admin {

// The first value of that name, decoded as a form's field is; nothing if there is none.
std::optional<std::string> query_value(std::string_view path, std::string_view name);

}  // namespace admin
