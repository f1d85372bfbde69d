// The names of gRPC's status codes, as a configuration writes them. Pure, any thread.
#pragma once

#include <optional>
#include <string_view>

namespace base {

inline constexpr int grpc_status_count = 17;

std::string_view grpc_status_name(int status);  // "unknown" for what is none
std::optional<int> grpc_status_from(std::string_view name);

}  // namespace base
