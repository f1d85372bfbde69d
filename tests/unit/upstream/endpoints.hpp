// Endpoints that nobody connects to, for what chooses among them.
#pragma once

#include "proxy/base/hash.hpp"
#include "proxy/upstream/cluster_state.hpp"
#include "proxy/upstream/endpoint.hpp"
#include "proxy/upstream/pool.hpp"

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

namespace upstream_test {

inline const base::Time now = base::Time() + std::chrono::hours(1);

struct Endpoints {
  upstream::Endpoint& add(std::uint32_t weight = 1, const std::string& zone = {},
                          std::uint32_t priority = 0) {
    const auto address = *base::Address::parse_ip("10.0.0.1", port++);
    upstream::Endpoint& one =
        made.emplace_back(owner, address, state.at(address.to_string(), base::Time()));
    all.push_back({base::Ref<upstream::Endpoint>(one), weight, priority, zone});
    return one;
  }
  upstream::Endpoint& operator[](std::size_t index) { return *all[index].endpoint; }
  std::vector<upstream::WeightedAddress> addresses() const {
    std::vector<upstream::WeightedAddress> of;
    for (const upstream::WeightedEndpoint& each : all)
      of.push_back({each.endpoint->address, each.weight, each.priority, each.zone});
    return of;
  }
  upstream::ClusterState::States states() const {
    upstream::ClusterState::States of;
    for (const upstream::WeightedEndpoint& each : all) of.push_back(each.endpoint->state);
    return of;
  }
  // In a row, at that moment.
  void fail(std::size_t index, int times, base::Time at = now, const config::Outlier& rules = {}) {
    for (int i = 0; i < times; ++i)
      state.failed({*(*this)[index].state, "status 503"}, rules, states(), at, random);
  }

  struct NoOwner final : upstream::Endpoint::Owner {
    void on_unused(upstream::Endpoint&) noexcept override {}
    void on_datagrams(upstream::Endpoint&, const base::Error*) noexcept override {}
  };
  NoOwner owner;
  std::uint16_t port = 1;
  base::Random random{5};
  upstream::ClusterState state{"c", nullptr, nullptr};
  std::list<upstream::Endpoint> made;
  upstream::Endpoints all;
};

}  // namespace upstream_test
