// Which endpoint is next, by one of several methods. Each worker and cluster has its own. Pure but
// for its position: chance is handed in, and what it chooses from (see choices.hpp) is told to it.
#pragma once

#include "config/model.hpp"
#include "proxy/base/random.hpp"
#include "proxy/http/endpoint_gate.hpp"
#include "proxy/upstream/choices.hpp"
#include "proxy/upstream/hash_table.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace upstream {

// What an attempt asks for.
struct Ask {
  const void* avoid = nullptr;          // an endpoint
  http::EndpointGate* gate = nullptr;   // that whoever picks asks; the balancer does not
  std::optional<std::uint64_t> hash{};  // of what keeps together; none = by chance
  base::Time now{};
};

class Balancer {
 public:
  virtual ~Balancer() = default;

  // What to choose from, as of now. The endpoints outlive their turn. table: of the endpoints that
  // the choices are among, where the method has one.
  void reset(Choices choices, std::shared_ptr<const HashTable> table = nullptr);
  // Another than `avoid` if there is one. Null = there is none at all.
  Endpoint* pick(const Ask& ask, base::Random& random);
  bool has_alternatives() const { return choices_.first.size() + choices_.others.size() > 1; }
  const Choices& choices() const { return choices_; }

 protected:
  const std::vector<Choice>& first() const { return choices_.first; }  // more than one, in choose()
  // By weight, another than `avoid`.
  const Choice& by_chance(const void* avoid, base::Random& random) const;
  const HashTable* table() const { return table_.get(); }

 private:
  virtual void adopted() {}  // other choices
  virtual Endpoint* choose(const Ask& ask, base::Random& random) = 0;

  Choices choices_;
  std::shared_ptr<const HashTable> table_;
  std::vector<std::uint64_t> weight_before_;  // by choice: the sum of those before it
  std::uint64_t total_weight_ = 0;
  bool has_equal_weights_ = true;
};

std::unique_ptr<Balancer> make_balancer(config::Balancing method);

}  // namespace upstream
