// The messages of gRPC's health service (grpc.health.v1), as far as a client of Check needs them:
// length-prefixed protobuf. Pure.
#pragma once

#include <string>
#include <string_view>

namespace upstream {

inline constexpr std::string_view grpc_health_check = "/grpc.health.v1.Health/Check";

// HealthCheckRequest, behind its prefix.
std::string grpc_health_request(std::string_view service);
// Whether the message behind the prefix is a HealthCheckResponse that says SERVING.
bool is_serving(std::string_view message);

}  // namespace upstream
