#include "filters/retry_counts.hpp"

namespace filters {
namespace {

constexpr std::array<std::string_view, 5> denials = {"max_retries", "max_body", "retry_after",
                                                     "deadline", "budget_exhausted"};
constexpr std::array<std::string_view, 3> hedges = {"won", "lost", "denied"};

// The counters of that cluster, made when they are first asked for.
template <typename Counters, typename Make>
Counters& of(std::map<std::string, Counters, std::less<>>& all, std::string_view cluster,
             Make make) {
  const auto found = all.find(cluster);
  return found != all.end() ? found->second : all.emplace(cluster, make()).first->second;
}

}  // namespace

std::string_view to_string(Denial denial) {
  return denials[static_cast<std::size_t>(denial)];
}

RetryCounts::Denials RetryCounts::denials_of(stats::Registry& metrics, std::string_view cluster) {
  Denials counters{};
  for (std::size_t i = 0; i < denials.size(); ++i)
    counters[i] = &metrics.counter("outrider_retries_denied_total",
                                   "Retries that were due and not made, by what said no.",
                                   {{"cluster", cluster}, {"reason", denials[i]}});
  return counters;
}

RetryCounts::Hedges RetryCounts::hedges_of(stats::Registry& metrics, std::string_view cluster) {
  Hedges counters{};
  for (std::size_t i = 0; i < hedges.size(); ++i)
    counters[i] = &metrics.counter("outrider_hedges_total",
                                   "Second attempts beside a slow one, by what became of them.",
                                   {{"cluster", cluster}, {"outcome", hedges[i]}});
  return counters;
}

void RetryCounts::count(std::string_view cluster, Denial denial) {
  Denials& counters = of(denials_, cluster, [&] { return denials_of(metrics_, cluster); });
  counters[static_cast<std::size_t>(denial)]->add(shard_);
}

void RetryCounts::count(std::string_view cluster, Hedge hedge) {
  Hedges& counters = of(hedges_, cluster, [&] { return hedges_of(metrics_, cluster); });
  counters[static_cast<std::size_t>(hedge)]->add(shard_);
}

void RetryCounts::expect(stats::Registry& metrics, std::string_view cluster, bool with_hedges) {
  denials_of(metrics, cluster);
  if (with_hedges) hedges_of(metrics, cluster);
}

}  // namespace filters
