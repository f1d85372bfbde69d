// All filters, in a table: to add one, add a line to registry.cpp.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/filter_spec.hpp"
#include "filters/filter_context.hpp"

namespace filters {

struct Entry {
  const config::FilterSpec* spec;
  std::unique_ptr<http::Filter> (*make)(const config::FilterConfig&, const FilterContext&);
};

// What the loader needs to know, for config::load().
std::vector<const config::FilterSpec*> specs();

// For a filter that the loader accepted.
std::unique_ptr<http::Filter> make(const config::FilterConfig& config, const FilterContext& context);

// `timeout: {}`, for a path on which no timeout stands.
std::unique_ptr<http::Filter> make_default_timeout();

// The circuit breakers of the process as they are: their places, and "closed", "open" or "half_open".
// Any thread.
std::vector<std::pair<std::string, std::string_view>> breakers(const SharedState& shared);

// Those that are built.
extern const Entry headers, request_id, timeout, retry, circuit_breaker, fault, body_limit;

}  // namespace filters
