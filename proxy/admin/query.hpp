// What a request to the admin side says in its path and its query. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace admin {

// The first value of that name, decoded as a form's field is; nothing if there is none.
std::optional<std::string> query_value(std::string_view path, std::string_view name);

// The bytes of a part of a path; nothing = an escape that is none.
std::optional<std::string> unescaped(std::string_view text);

}  // namespace admin
