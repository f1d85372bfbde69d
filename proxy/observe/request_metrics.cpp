#include "proxy/observe/request_metrics.hpp"

#include "proxy/base/grpc_status.hpp"

#include <string>

namespace observe {
namespace {

constexpr std::string_view requests_help = "Requests answered, by what became of them.";
constexpr std::string_view bytes_in_help = "Of requests' bodies, from clients.";
constexpr std::string_view bytes_out_help = "Of responses' bodies, to clients.";
constexpr std::string_view calls_help = "Calls of gRPC, by the status that they ended with.";
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
    last_ = found != series_.end() ? &found->second : &add(key, info, method);
    last_key_ = key;
  }
  last_->requests->add(shard_);
  last_->durations->observe(shard_, info.now() - info.started);
  if (info.bytes_in > 0) last_->bytes_in->add(shard_, info.bytes_in);
  if (info.bytes_out > 0) last_->bytes_out->add(shard_, info.bytes_out);
  if (info.is_grpc) calls_of(info).add(shard_);
}

stats::Counter& RequestMetrics::calls_of(const http::StreamInfo& info) {
  const Key key{info.listener.data(), info.route.data(), info.cluster.data(),
                static_cast<std::uint32_t>(info.grpc_status)};
  stats::Counter*& counter = calls_[key];
  if (!counter) {
    const bool has_status =
        info.grpc_status >= 0;  // else it broke off, or it was no call after all
    const std::string_view status =
        has_status ? base::grpc_status_name(info.grpc_status) : std::string_view("none");
    counter = &registry_.counter("outrider_grpc_calls_total", calls_help,
                                 {{"listener", info.listener},
                                  {"route", info.route},
                                  {"cluster", info.cluster},
                                  {"grpc_status", status}});
  }
  return *counter;
}

RequestMetrics::Series& RequestMetrics::add(const Key& key, const http::StreamInfo& info,
                                            http::Method method) {
  const std::string code = std::to_string(info.status);
  const Series made =
      make(registry_, {info.listener, info.route, info.cluster, http::to_string(method), code,
                       base::to_string(info.reason)});
  return series_.emplace(key, made).first->second;
}

void RequestMetrics::expect(stats::Registry& registry, std::string_view listener,
                            std::string_view route, std::string_view cluster) {
  make(registry, {listener, route, cluster, http::to_string(http::Method::get), "200", ""});
}

RequestMetrics::Series RequestMetrics::make(stats::Registry& registry, const Words& words) {
  const stats::Labels place = {
      {"listener", words.listener}, {"route", words.route}, {"cluster", words.cluster}};
  stats::Labels all = place;
  all.insert(all.end(), {{"method", words.method}, {"code", words.code}, {"reason", words.reason}});
  return {&registry.counter("outrider_requests_total", requests_help, all),
          &registry.histogram("outrider_request_duration_seconds", durations_help, place),
          &registry.counter("outrider_request_body_bytes_total", bytes_in_help, place),
          &registry.counter("outrider_response_body_bytes_total", bytes_out_help, place)};
}

}  // namespace observe
