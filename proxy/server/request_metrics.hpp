// Counts a worker's exchanges: outrider_requests_total and outrider_request_duration_seconds. The
// series of an exchange is found again by what tells it from others, without making its name. Owned
// by the worker; its thread.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "proxy/http/stream_info.hpp"
#include "proxy/http/message.hpp"

namespace server {

class RequestMetrics {
 public:
  void count(const http::StreamInfo& info, http::Method method);
};

}  // namespace server
