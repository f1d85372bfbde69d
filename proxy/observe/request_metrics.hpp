// Counts a worker's exchanges: outrider_requests_total and outrider_request_duration_seconds. The
// series of an exchange is found again by what tells it from others, without making its labels.
// Owned by the worker; its thread.
#pragma once

#include "proxy/http/message.hpp"
#include "proxy/stats/registry.hpp"

#include <cstdint>
#include <unordered_map>

namespace observe {

class RequestMetrics {
 public:
  // shard: the worker's, in the registry.
  RequestMetrics(stats::Registry& registry, std::size_t shard)
      : registry_(registry), shard_(shard) {}

  void count(const http::StreamInfo& info, http::Method method);

 private:
  // Listener, route and cluster are names that the configuration holds: where they lie is who they
  // are.
  struct Key {
    const char* listener;
    const char* route;
    const char* cluster;
    std::uint32_t rest;  // method, status, reason
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const;
  };
  struct Series {
    stats::Counter* requests;
    stats::Histogram* durations;
  };

  Series make(const http::StreamInfo& info, http::Method method);

  stats::Registry& registry_;
  std::size_t shard_;
  std::unordered_map<Key, Series, HashKey> series_;
  Key last_key_{};
  Series* last_ = nullptr;
};

}  // namespace observe
