#include "proxy/base/grpc_status.hpp"

#include <array>
#include <cstddef>

namespace base {
namespace {

constexpr std::array<std::string_view, grpc_status_count> status_names = {
    "ok",
    "cancelled",
    "unknown",
    "invalid_argument",
    "deadline_exceeded",
    "not_found",
    "already_exists",
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
    "internal",
    "unavailable",
    "data_loss",
    "unauthenticated",
};
constexpr int unknown = 2;

}  // namespace

std::string_view grpc_status_name(int status) {
  const bool is_one = status >= 0 && status < grpc_status_count;
  return status_names[static_cast<std::size_t>(is_one ? status : unknown)];
}

std::optional<int> grpc_status_from(std::string_view name) {
  for (int status = 0; status < grpc_status_count; ++status)
    if (grpc_status_name(status) == name) return status;
  return std::nullopt;
}

}  // namespace base
