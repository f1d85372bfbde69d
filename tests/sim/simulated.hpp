// A world from two texts: a configuration and a scenario, as `outrider simulate` makes it.
#pragma once

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/simulate/world.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>

namespace sim_test {

using simulate::Counts;
using simulate::Moment;
using simulate::Origin;

// Hundreds of thousands of exchanges, in one thread: a sanitizer makes minutes of seconds, and finds nothing
// there that the small worlds do not show.
#ifdef OUTRIDER_SANITIZED
constexpr bool is_too_slow_here = true;
#else
constexpr bool is_too_slow_here = false;
#endif

// One listener, one cluster "app" of that many endpoints, and what `app` says of it in lines of
// four blanks or more.
inline std::string config_of(const std::string& app, int endpoints = 1) {
  std::string list;
  for (int i = 0; i < endpoints; ++i)
    list += (i > 0 ? ", " : "") + std::string("\"10.9.9.") + std::to_string(i + 1) + ":80\"";
  return "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
         "clusters:\n  app:\n    endpoints: [" +
         list + "]\n" + app;
}

class Simulated {
 public:
  Simulated(const std::string& config, const std::string& scenario) {
    loaded_ = config::load_text("test.yaml", config, filters::specs());
    REQUIRE_MESSAGE(loaded_.config, loaded_.mistakes[0].to_string());
    simulate::ReadScenario read =
        simulate::read_scenario_text("scenario.yaml", scenario, *loaded_.config);
    REQUIRE_MESSAGE(read.mistakes.empty(), read.mistakes[0].to_string());
    server::Planned planned =
        server::make_plan(simulate::made_virtual(*loaded_.config, read.scenario));
    REQUIRE(planned.plan);
    world_ = std::make_unique<simulate::World>(std::move(planned.plan), std::move(read.scenario));
    world_->run();
  }

  simulate::World& world() { return *world_; }
  Counts total() const { return world_->tally().total(); }
  const Origin& origin(std::size_t number) const { return world_->origins()[number]; }

  // Of the moments in [from, until), in seconds.
  struct Span {
    double offered = 0, admitted = 0, succeeded = 0, upstream = 0;  // a second
    double p50 = 0, p99 = 0;                                        // milliseconds
    double success() const { return offered == 0 ? 0 : succeeded / offered; }
    double load() const { return offered == 0 ? 0 : upstream / offered; }
  };
  Span between(double from, double until) const {
    const double step = std::chrono::duration<double>(world_->tally().step()).count();
    Span span;
    simulate::Latencies latencies;
    double at = 0;
    for (const Moment& moment : world_->tally().moments()) {
      if (at >= from - step / 2 && at < until - step / 2) {
        span.offered += static_cast<double>(moment.counts.offered);
        span.admitted += static_cast<double>(moment.counts.admitted());
        span.succeeded += static_cast<double>(moment.counts.succeeded);
        span.upstream += static_cast<double>(moment.upstream);
        latencies.add(moment.counts.latencies);
      }
      at += step;
    }
    for (double* each : {&span.offered, &span.admitted, &span.succeeded, &span.upstream})
      *each /= until - from;
    span.p50 = latencies.quantile(0.5);
    span.p99 = latencies.quantile(0.99);
    return span;
  }

 private:
  config::Loaded loaded_;
  std::unique_ptr<simulate::World> world_;
};

}  // namespace sim_test
