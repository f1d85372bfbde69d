#include "proxy/observe/request_metrics.hpp"

#include <string>

namespace observe {
namespace {

constexpr std::string_view requests_help = "Requests answered, by what became of them.";
constexpr std::string_view durations_help = "From a request's head to the end of its response.";

}  // namespace

std::size_t RequestMetrics::HashKey::operator()(const Key& key) const {
  const auto mix = [](std::size_t hash, std::size_t value) {
    return (hash ^ value) * 0x9e3779b97f4a7c15ULL;
  };
  std::size_t hash = mix(0, reinterpret_cast<std::size_t>(key.listener));
  hash = mix(hash, reinterpret_cast<std::size_t>(key.route));
  hash = mix(hash, reinterpret_cast<std::size_t>(key.cluster));
  hash = mix(hash, key.rest);
  return hash ^ (hash >> 32);
}

void RequestMetrics::count(const http::StreamInfo& info, http::Method method) {
  const Key key{info.listener.data(), info.route.data(), info.cluster.data(),
                static_cast<std::uint32_t>(method) << 24 |
                    static_cast<std::uint32_t>(info.reason) << 16 |
                    static_cast<std::uint32_t>(info.status)};
  if (!last_ || !(key == last_key_)) {
    const auto found = series_.find(key);
    last_ = found != series_.end() ? &found->second
                                   : &series_.emplace(key, make(info, method)).first->second;
    last_key_ = key;
  }
  last_->requests->add(shard_);
  last_->durations->observe(shard_, info.now() - info.started);
}

RequestMetrics::Series RequestMetrics::make(const http::StreamInfo& info, http::Method method) {
  const std::string status = std::to_string(info.status);
  const std::string_view method_name = http::to_string(method);
  stats::Counter& requests = registry_.counter("outrider_requests_total", requests_help,
                                               {{"listener", info.listener},
                                                {"route", info.route},
                                                {"cluster", info.cluster},
                                                {"method", method_name},
                                                {"code", status},
                                                {"reason", base::to_string(info.reason)}});
  stats::Histogram& durations = registry_.histogram(
      "outrider_request_duration_seconds", durations_help,
      {{"listener", info.listener}, {"route", info.route}, {"cluster", info.cluster}});
  return {&requests, &durations};
}

}  // namespace observe
