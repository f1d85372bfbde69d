// Which endpoint a hash belongs to, so that most hashes keep theirs when others come or go: a ring
// of points (Karger et al.) or a Maglev table (Eisenbud et al., NSDI 2016). Both are one list of
// slots, walked from where a hash begins. Made once for a set of endpoints, in the control thread,
// immutable and shared by all workers; the same in every process that has the same endpoints.
#pragma once

#include "config/model.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace upstream {

struct WeightedAddress;

class HashTable {
 public:
  // Null for methods that have none, and for no address.
  static std::shared_ptr<const HashTable> of(config::Balancing method,
                                             const std::vector<WeightedAddress>& addresses);

  std::size_t size() const { return slots_.size(); }
  // Where the walk of this hash begins, and how far it goes each time, from the last on to the
  // first: it comes to every slot, and of what one endpoint leaves each other one gets a part.
  std::size_t start(std::uint64_t hash) const;
  std::size_t step(std::uint64_t hash) const;
  // The position, among the addresses, of the one to whom the slot belongs.
  std::size_t operator[](std::size_t slot) const { return slots_[slot]; }

 private:
  struct Member;
  void make_ring(const std::vector<Member>& members);
  void make_maglev(const std::vector<Member>& members);

  std::vector<std::uint64_t> points_;  // of the ring, ascending; empty: Maglev
  std::vector<std::uint32_t> slots_;
};

}  // namespace upstream
