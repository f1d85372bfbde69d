// What a retry tells the metrics of itself, by the cluster that its requests went to: which further
// attempts were not made and why, and what became of hedges. One worker's; its thread.
#pragma once

#include "proxy/stats/registry.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace filters {

// Why a retry that was due was not made: the option that said no, or what else did.
enum class Denial : std::uint8_t { max_retries, max_body, retry_after, deadline, budget_exhausted };
std::string_view to_string(Denial denial);

// Of a second attempt beside one whose head took long: its answer was the one that was given, or
// was not, or it was not made because the budget said no.
enum class Hedge : std::uint8_t { won, lost, denied };

class RetryCounts {
 public:
  // shard: the worker's.
  RetryCounts(stats::Registry& metrics, std::size_t shard) : metrics_(metrics), shard_(shard) {}

  void count(std::string_view cluster, Denial denial);
  void count(std::string_view cluster, Hedge hedge);

  // All series of that cluster, at 0.
  static void expect(stats::Registry& metrics, std::string_view cluster, bool with_hedges);

 private:
  using Denials = std::array<stats::Counter*, 5>;
  using Hedges = std::array<stats::Counter*, 3>;
  static Denials denials_of(stats::Registry& metrics, std::string_view cluster);
  static Hedges hedges_of(stats::Registry& metrics, std::string_view cluster);

  stats::Registry& metrics_;
  const std::size_t shard_;
  std::map<std::string, Denials, std::less<>> denials_;
  std::map<std::string, Hedges, std::less<>> hedges_;
};

}  // namespace filters
