#include "proxy/upstream/hash_table.hpp"

#include "proxy/base/hash.hpp"
#include "proxy/upstream/endpoint.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace upstream {
namespace {

constexpr std::size_t maglev_size = 65'537;  // prime
constexpr std::uint64_t points_each = 200;   // of a ring, at an average weight
constexpr std::uint64_t points_least = 100;  // of the lightest
constexpr std::uint64_t most_points = 65'536;

}  // namespace

struct HashTable::Member {
  std::string name;
  std::uint32_t position;
  std::uint64_t weight;
};

// Names decide, not the order in which a resolver tells them.
std::shared_ptr<const HashTable> HashTable::of(config::Balancing method,
                                               const std::vector<WeightedAddress>& addresses) {
  const bool is_ring = method == config::Balancing::ring_hash;
  if (addresses.empty() || (!is_ring && method != config::Balancing::maglev)) return nullptr;
  std::vector<Member> members;
  for (const WeightedAddress& each : addresses)
    members.push_back(
        {each.address.to_string(), static_cast<std::uint32_t>(members.size()), each.weight});
  std::sort(members.begin(), members.end(),
            [](const Member& a, const Member& b) { return a.name < b.name; });
  const auto table = std::make_shared<HashTable>();
  is_ring ? table->make_ring(members) : table->make_maglev(members);
  return table;
}

void HashTable::make_ring(const std::vector<Member>& members) {
  std::uint64_t weights = 0;
  std::uint64_t lightest = UINT64_MAX;
  for (const Member& each : members) {
    weights += each.weight;
    lightest = std::min(lightest, each.weight);
  }
  const std::uint64_t points = std::min(
      std::max(points_each * members.size(), points_least * weights / lightest), most_points);
  std::vector<std::pair<std::uint64_t, std::uint32_t>> ring;
  for (const Member& each : members) {
    const std::uint64_t own = std::max<std::uint64_t>(points * each.weight / weights, 1);
    for (std::uint64_t i = 0; i < own; ++i)
      ring.emplace_back(base::stable_hash(each.name, i + 1), each.position);
  }
  std::sort(ring.begin(), ring.end());
  for (const auto& [point, position] : ring) {
    points_.push_back(point);
    slots_.push_back(position);
  }
}

// Members take turns: each takes the next free slot of a permutation of its own. The heaviest takes
// one in each round, one of half its weight in every second.
void HashTable::make_maglev(const std::vector<Member>& members) {
  constexpr std::uint32_t is_free = UINT32_MAX;
  struct Turn {
    std::uint64_t next;
    std::uint64_t skip;
    std::uint64_t credit = 0;
  };
  std::vector<Turn> turns;
  std::uint64_t heaviest = 1;
  for (const Member& each : members) {
    turns.push_back({base::stable_hash(each.name, 1) % maglev_size,
                     base::stable_hash(each.name, 2) % (maglev_size - 1) + 1});
    heaviest = std::max(heaviest, each.weight);
  }
  slots_.assign(maglev_size, is_free);
  for (std::size_t taken = 0; taken < maglev_size;) {
    for (std::size_t i = 0; i < members.size() && taken < maglev_size; ++i) {
      Turn& turn = turns[i];
      turn.credit += members[i].weight;
      if (turn.credit < heaviest) continue;
      turn.credit -= heaviest;
      while (slots_[turn.next] != is_free) turn.next = (turn.next + turn.skip) % maglev_size;
      slots_[turn.next] = members[i].position;
      ++taken;
    }
  }
}

std::size_t HashTable::start(std::uint64_t hash) const {
  if (points_.empty()) return hash % slots_.size();
  const auto point = std::lower_bound(points_.begin(), points_.end(), hash);
  return point == points_.end() ? 0 : static_cast<std::size_t>(point - points_.begin());
}

// Neighbours on a ring belong to different members, so the next point will do. In a Maglev table
// they follow the order of the members: there each hash has a step of its own, and the size, being
// prime, lets any step reach every slot.
std::size_t HashTable::step(std::uint64_t hash) const {
  return points_.empty() ? base::mixed(hash) % (maglev_size - 1) + 1 : 1;
}

}  // namespace upstream
