#include "filters/registry.hpp"

namespace filters {
namespace {

const Entry* const built[] = {
    &headers,    &request_id,           &timeout,   &retry,    &circuit_breaker, &throttle,
    &bulkhead,   &adaptive_concurrency, &shed,      &fallback, &collapse,        &fault,
    &body_limit, &early_hints,          &heartbeat, &operation,
};

// Known to the language; the loader refuses them by name.
constexpr config::FilterSpec not_built[] = {
    {.name = "rewrite", .doc = "changes paths and hosts", .is_built = false},
    {.name = "cors", .doc = "cross-origin requests", .is_built = false},
    {.name = "compress", .doc = "compresses responses", .is_built = false},
    {.name = "jwt", .doc = "verifies tokens", .is_built = false},
    {.name = "authz", .doc = "asks another service", .is_built = false},
    {.name = "webhook", .doc = "signs and verifies deliveries", .is_built = false},
};

}  // namespace

std::vector<const config::FilterSpec*> specs() {
  std::vector<const config::FilterSpec*> all;
  for (const Entry* entry : built) all.push_back(entry->spec);
  for (const config::FilterSpec& spec : not_built) all.push_back(&spec);
  return all;
}

std::unique_ptr<http::Filter> make(const config::FilterConfig& config,
                                   const FilterContext& context) {
  for (const Entry* entry : built)
    if (entry->spec == config.spec) return entry->make(config, context);
  assert(false && "the loader accepts built filters only");
  return nullptr;
}

}  // namespace filters
