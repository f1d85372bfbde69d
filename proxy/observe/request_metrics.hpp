// Counts a worker's exchanges: outrider_requests_total, outrider_request_duration_seconds, the
// bytes of their bodies, and of gRPC calls outrider_grpc_calls_total. The series of an exchange is
// found again by what tells it from others, without making its labels. Owned by the worker; its
// thread.
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

  // What may be counted there, at 0, so that a rate is known from the first request on. cluster: ""
  // for a route that answers by itself.
  static void expect(stats::Registry& registry, std::string_view listener, std::string_view route,
                     std::string_view cluster);

 private:
  // Listener, route and cluster are names that the configuration holds: where they lie is who they
  // are.
  struct Key {
    const char* listener;
    const char* route;
    const char* cluster;
    std::uint32_t rest;  // method, status, reason; of calls gRPC's status
    bool operator==(const Key&) const = default;
  };
  struct HashKey {
    std::size_t operator()(const Key& key) const;
  };
  struct Series {
    stats::Counter* requests;
    stats::Histogram* durations;
    stats::Counter* bytes_in;
    stats::Counter* bytes_out;
  };

  // What tells series apart, in words.
  struct Words {
    std::string_view listener, route, cluster, method, code, reason;
  };
  stats::Counter& calls_of(const http::StreamInfo& info);
  Series& add(const Key& key, const http::StreamInfo& info, http::Method method);
  static Series make(stats::Registry& registry, const Words& words);

  stats::Registry& registry_;
  std::size_t shard_;
  std::unordered_map<Key, Series, HashKey> series_;
  std::unordered_map<Key, stats::Counter*, HashKey> calls_;
  Key last_key_{};
  Series* last_ = nullptr;
};

}  // namespace observe
