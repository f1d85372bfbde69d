// All filters, in a table: to add one, add a line to registry.cpp.
#pragma once

#include <memory>
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
std::unique_ptr<http::Filter> make_default_timeout(base::Loop& loop);

// Those that are built.
extern const Entry headers, request_id, timeout, retry, circuit_breaker, fault, body_limit;

}  // namespace filters
