#include "filters/deadline.hpp"

#include "config/values.hpp"
#include "proxy/http/grpc.hpp"

#include <algorithm>
#include <optional>

namespace filters {
namespace {

using base::Millis;
using http::Name;

std::optional<base::Duration> asked_by_grpc(const http::Request& request) {
  const auto text = request.headers.find(Name::grpc_timeout);
  return text ? http::parse_grpc_timeout(*text) : std::nullopt;
}

std::optional<base::Duration> asked_by_client(const http::Request& request) {
  if (!request.info.is_outbound && !request.info.is_trusted) return std::nullopt;
  const auto text = request.headers.find(Name::x_request_timeout);
  if (!text) return std::nullopt;
  const config::Parsed<Millis> timeout = config::parse_duration(*text);
  if (!timeout.value || *timeout.value == Millis{0}) return std::nullopt;
  return *timeout.value;
}

}  // namespace

void take_deadline(http::Request& request) {
  http::StreamInfo& info = request.info;
  if (info.client_deadline == base::never)  // else the fields say by now what was left
    for (const auto& asked : {asked_by_grpc(request), asked_by_client(request)})
      if (asked) info.client_deadline = std::min(info.client_deadline, info.started + *asked);
  request.scope.deadline = std::min(request.scope.deadline, info.end_by());
}

void pass_deadline_on(http::Request& request) {
  const http::StreamInfo& info = request.info;
  if (info.client_deadline == base::never) return;
  const base::Duration left =
      std::max<base::Duration>(std::min(request.scope.deadline, info.client_deadline) - info.now(),
                               Millis{1});
  if (asked_by_grpc(request)) request.headers.set(Name::grpc_timeout, http::grpc_timeout(left));
  if (asked_by_client(request))
    request.headers.set(Name::x_request_timeout,
                        std::to_string(std::chrono::ceil<Millis>(left).count()) + "ms");
}

}  // namespace filters
