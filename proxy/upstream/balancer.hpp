// Which endpoint is next: round robin by weight, or the less busy of two chosen by chance. Pure but
// for its position; a worker's and a cluster's own.
#pragma once

#include "config/model.hpp"
#include "proxy/base/random.hpp"
#include "proxy/http/endpoint_gate.hpp"
#include "proxy/upstream/endpoint.hpp"

#include <cstdint>
#include <vector>

namespace upstream {

// What an attempt asks for.
struct Ask {
  const void* avoid = nullptr;         // an endpoint
  http::EndpointGate* gate = nullptr;  // that whoever picks asks; the balancer does not
};

class Balancer {
 public:
  explicit Balancer(config::Balancing method) : method_(method) {}

  // What to choose from, as of now: those that can be connected to, or all if none can. Call it
  // whenever that changes. The endpoints outlive their turn.
  void reset(const Endpoints& endpoints);
  // Another than `avoid` if there is one. Null = there is none at all.
  Endpoint* pick(const Ask& ask, base::Random& random);
  // Those that it chooses from.
  std::size_t size() const { return choices_.size(); }
  Endpoint& operator[](std::size_t index) const { return *choices_[index].endpoint; }
  bool has_alternatives() const { return choices_.size() > 1; }

 private:
  struct Choice {
    Endpoint* endpoint;
    std::uint32_t weight;
    std::uint64_t weight_before;  // the sum of weights of those before it
    std::int64_t credit = 0;      // of round robin with unequal weights
  };

  Endpoint* in_turn(const void* avoid);
  Endpoint* in_turn_by_weight(const void* avoid);
  Endpoint* less_busy(const void* avoid, base::Random& random);
  static bool is_less_busy(const Choice& a, const Choice& b);
  const Choice& by_chance(const void* avoid, base::Random& random);

  config::Balancing method_;
  std::vector<Choice> choices_;
  std::uint64_t total_weight_ = 0;
  bool has_equal_weights_ = true;
  std::size_t position_ = 0;
};

}  // namespace upstream
