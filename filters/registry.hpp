// All filters, in a table: to add one, add a line to registry.cpp.
#pragma once

#include "config/filter_spec.hpp"
#include "filters/filter_context.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace filters {

struct Entry {
  const config::FilterSpec* spec;
  std::unique_ptr<http::Filter> (*make)(const config::FilterConfig&, const FilterContext&);
};

// What the loader needs to know, for config::load().
std::vector<const config::FilterSpec*> specs();

// For a filter that the loader accepted.
std::unique_ptr<http::Filter> make(const config::FilterConfig& config,
                                   const FilterContext& context);

// `timeout: {}`, for a path on which no timeout stands.
std::unique_ptr<http::Filter> make_default_timeout();
// Bounds a connection of opaque bytes, only while nothing moves.
std::unique_ptr<http::Filter> make_idle_timeout(base::Millis idle);

// The series of retries of that cluster's requests, at 0, if these filters hold a retry: what is not
// there yet cannot rise.
void expect_retries(const config::Filters& filters, stats::Registry& metrics,
                    std::string_view cluster);

// By which field an exchange's id is known outside, if these filters say so; else "".
std::string_view request_id_field(const config::Filters& filters);

struct BreakerStatus {
  std::string place;       // behind it, with a `scope`, a slash and the route or the endpoint
  std::string_view state;  // "closed", "open" or "half_open"
  std::string_view mode;   // "auto", or "open" or "closed" by hand
  base::Time since;        // Time{} = from the start
  base::Time until;        // nothing is asked, if it is open; else `never`
  std::uint64_t requests;  // of its window
  std::uint64_t failures;
  std::uint64_t slow;  // if slow calls count
};

// The circuit breakers of the process as they are, those among them that are held by hand and not in
// use yet. Any thread.
std::vector<BreakerStatus> breakers(const SharedState& shared, base::Time now);
// Holds the breaker of that place "open" or "closed", or lets it go by outcomes again ("auto"); of a
// place as a whole all that it has. False: there is no such place. Any thread.
bool set_breaker(const SharedState& shared, std::string_view place, std::string_view mode,
                 base::Time now);

// What was said by hand of a breaker: of that part of the place, "" = of all that it has.
struct HeldBreaker {
  std::string place, part;
  std::string mode;  // as set_breaker() takes it
};
// All that is not "auto", or is where the rest of its place is not. Any thread.
std::vector<HeldBreaker> held_breakers(const SharedState& shared);
// Says the same once more, before there are filters: for those of whoever keeps what is returned
// until they are made. Any thread.
std::shared_ptr<const void> hold_breakers(SharedState& shared,
                                          const std::vector<HeldBreaker>& held);
// Whether a breaker stands at that place of a configuration.
bool has_breaker(const config::Config& config, std::string_view place);

// Those that are built.
extern const Entry headers, request_id, timeout, retry, circuit_breaker, throttle, bulkhead,
    adaptive_concurrency, shed, fallback, collapse, fault, body_limit, early_hints, heartbeat,
    operation;

}  // namespace filters
