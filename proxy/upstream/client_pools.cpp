#include "proxy/upstream/client_pools.hpp"

#include "proxy/net/proxy_header.hpp"

#include <algorithm>

namespace upstream {

std::string client_header(config::ProxyProtocol version, const http::StreamInfo& info) {
  const base::Address& source = info.source();
  const auto any = base::Address::parse_ip(source.family() == AF_INET6 ? "::" : "0.0.0.0", 0);
  const base::Address& local = info.connection.local ? *info.connection.local : *any;
  return version == config::ProxyProtocol::v1 ? net::proxy_header_v1(source, local)
                                              : net::proxy_header_v2(source, local);
}

Pool* ClientPools::of(const std::string& header) {
  if (const auto found = pools_.find(header); found != pools_.end()) return found->second.get();
  if (pools_.size() >= std::min(next_sweep_, most_)) sweep();
  if (pools_.size() >= most_) return nullptr;
  return pools_.emplace(header, make_(header)).first->second.get();
}

// Removes the pools of clients that have left; again when their number has doubled since.
void ClientPools::sweep() {
  bool was_out = false;
  std::erase_if(pools_, [&](const auto& each) {
    const bool is_over = each.second->is_empty();
    if (is_over) gone_ += each.second->snapshot();
    was_out = was_out || (is_over && each.second->outage());
    return is_over;
  });
  next_sweep_ = std::max<std::size_t>(16, 2 * pools_.size());
  if (was_out) owner_.on_reachability(false);
}

// Of several the latest: `hold` is counted from its begin.
const Outage* ClientPools::outage() const {
  const Outage* last = nullptr;
  for (const auto& [header, pool] : pools_) {
    const Outage* outage = pool->outage();
    if (outage && (!last || outage->since() > last->since())) last = outage;
  }
  return last;
}

void ClientPools::retire() {
  for (const auto& [header, pool] : pools_) pool->retire();
}

bool ClientPools::is_empty() const {
  return std::all_of(pools_.begin(), pools_.end(),
                     [](const auto& each) { return each.second->is_empty(); });
}

PoolSnapshot ClientPools::snapshot() const {
  PoolSnapshot sum;
  static_cast<PoolCounts&>(sum) = gone_;
  for (const auto& [header, pool] : pools_) {
    PoolSnapshot one = pool->snapshot();
    static_cast<PoolCounts&>(sum) += one;
    static_cast<PoolGauges&>(sum) += one;
    sum.out_for = std::max(sum.out_for, one.out_for);
    sum.connections.insert(sum.connections.end(), one.connections.begin(), one.connections.end());
  }
  return sum;
}

}  // namespace upstream
