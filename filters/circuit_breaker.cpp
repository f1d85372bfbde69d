// Stops asking a service that fails, and asks again carefully. Where it stands decides what it
// counts: below a retry each attempt, above it each exchange.
#include "config/place_name.hpp"
#include "filters/breaker_part.hpp"
#include "filters/registry.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_map>

namespace filters {
namespace {

using base::Error;
using base::Reason;
using base::Task;
using base::Time;
using http::Next;
using http::Reply;
using http::Request;

const config::Table<SlowCalls>& slow_table() {
  using namespace config;
  static const Table<SlowCalls> rows = {
      duration<SlowCalls>("over", &SlowCalls::over, "0s", "to the head; 0 = none is too slow"),
      percentage<SlowCalls>("ratio", &SlowCalls::ratio, "50%", "this share of the outcomes"),
  };
  return rows;
}

config::Field<BreakerOptions> scope() {
  using namespace config;
  static const std::vector<std::string_view> words = {"endpoint", "route"};
  Field<BreakerOptions> field{
      "scope", "one word", "", "in a cluster: one breaker for each; absent = one for all",
      [](const Node& node, const Reading& reading, BreakerOptions& into) {
        read_word(node, reading, words, [&](std::size_t index) {
          into.scope = index == 0 ? BreakerScope::endpoint : BreakerScope::route;
        });
      }};
  field.write = [](const BreakerOptions& options) -> NodePtr {
    const bool is_one = options.scope == BreakerScope::place;
    return is_one ? nullptr : scalar(options.scope == BreakerScope::route ? "route" : "endpoint");
  };
  field.words = [] { return words; };
  return field;
}

const config::Table<BreakerOptions>& table() {
  using namespace config;
  using Options = BreakerOptions;
  constexpr std::uint64_t many = 1'000'000;
  static const Table<Options> rows = {
      integer<Options>("failure_threshold", &Options::failure_threshold, 1, many, "5",
                       "at least so many failures"),
      percentage<Options>("failure_ratio", &Options::failure_ratio, "25%", "and this share"),
      integer<Options>("request_volume", &Options::request_volume, 1, many, "20",
                       "of at least so many outcomes"),
      duration<Options>("window", &Options::window, "30s", "within this time", Zero::refused),
      integer<Options>("success_threshold", &Options::success_threshold, 1, many, "3",
                       "successes in a row that close it"),
      duration<Options>("first_open_for", &Options::first_open_for, "1s",
                        "the first time; twice as long after each probe that fails", Zero::refused),
      duration<Options>("open_for", &Options::open_for, "60s", "at most; +0-10 %", Zero::refused),
      integer<Options>("half_open_requests", &Options::half_open_requests, 1, many, "1",
                       "probes at a time"),
      {"failures", "a list of conditions",
       "[5xx, timeout, connect, refused, reset, upstream_protocol_error]", "what counts as one",
       [](const Node& node, const Reading& reading, Options& into) {
         read_conditions(node, reading, never_counted, into.failures,
                         "is not the upstream's outcome");
       },
       [](const Options& options) { return list_of(options.failures.texts()); }},
      nested<Options>("slow", static_cast<SlowCalls Options::*>(&Options::slow), slow_table(),
                      "calls that take too long count too"),
      scope(),
  };
  return rows;
}

using Refusal = Breaker::Refusal;

Error refused(std::uint32_t retry_after, std::string_view detail) {
  Error error{Reason::circuit_open, base::Fault::upstream, detail};
  error.retry_after = retry_after;
  return error;
}

std::string_view why(Refusal refusal) {
  switch (refusal) {
    case Refusal::by_hand:
      return "the circuit breaker is held open by hand";
    case Refusal::probing:
      return "the circuit breaker is half-open, and its probes are under way";
    default:
      return "the circuit breaker is open";
  }
}

// Of several endpoints. Those that are unhealthy, or stand back for others, nobody has asked.
class Refusals {
 public:
  void add(Refusal refusal) { seen_[static_cast<std::size_t>(refusal)] = true; }

  std::string_view why() const {
    const bool is_probing = has(Refusal::probing);
    if (has(Refusal::by_hand))
      return is_probing || has(Refusal::open)
                 ? "the circuit breaker of every endpoint that may be used is open, of some "
                   "held so by hand"
                 : "the circuit breaker of every endpoint that may be used is held open by hand";
    return is_probing ? "the circuit breaker of every endpoint that may be used is open, or half-open "
                        "with its probes under way"
                      : "the circuit breaker of every endpoint that may be used is open";
  }

 private:
  bool has(Refusal refusal) const { return seen_[static_cast<std::size_t>(refusal)]; }

  std::array<bool, 3> seen_{};
};

// Lets through what the breaker of its part admits, and tells that one what became of it.
class Breaking : public http::Filter {
 protected:
  static Task<Reply> pass(const BreakerPart& part, Request& request, Next next) {
    const Breaker::Ticket ticket = part.breaker->admit(request.info.now());
    if (ticket.begins_probing) part.announcer.half_opened();
    if (ticket.is_admitted) return guarded(part, request, next, ticket);
    return Reply(refused(ticket.retry_after, why(ticket.refusal)));
  }

 private:
  static Task<Reply> guarded(const BreakerPart& part, Request& request, Next next,
                             Breaker::Ticket ticket) {
    AdmittedRequest admitted(part, ticket, request);
    Reply reply = co_await next(request);
    settle(std::move(admitted), request, reply);
    co_return reply;
  }
};

class BreakerOfPlace final : public Breaking {
 public:
  BreakerOfPlace(const BreakerOptions& options, const FilterContext& context)
      : part_(BreakerParts(options, context).of("")) {}

  Task<Reply> handle(Request& request, Next next) override { return pass(*part_, request, next); }

 private:
  const std::shared_ptr<const BreakerPart> part_;
};

// Routes are known by where their names lie, in this very configuration.
class BreakerPerRoute final : public Breaking {
 public:
  BreakerPerRoute(const BreakerOptions& options, const FilterContext& context)
      : parts_(options, context) {}

  Task<Reply> handle(Request& request, Next next) override {
    return pass(part_of(request.info), request, next);
  }

 private:
  const BreakerPart& part_of(const http::StreamInfo& info) {
    std::shared_ptr<const BreakerPart>& part = by_route_[info.route.data()];
    if (!part) part = parts_.of(std::string(info.listener).append("/").append(info.route));
    return *part;
  }

  BreakerParts parts_;
  std::unordered_map<const char*, std::shared_ptr<const BreakerPart>> by_route_;
};

// Asked by the balancer, which goes to another endpoint where a breaker is open.
class EndpointBreaker final : public http::EndpointGate {
 public:
  EndpointBreaker(BreakerParts& parts, Request& request)
      : EndpointGate(request.attempt), parts_(parts), request_(request) {}

  bool admit(std::string_view endpoint, Time now) override {
    passed_over();
    std::shared_ptr<const BreakerPart> part = parts_.of(endpoint);
    const Breaker::Ticket ticket = part->breaker->admit(now);
    if (ticket.begins_probing) part->announcer.half_opened();
    if (ticket.is_admitted) {
      admitted_.emplace(*part, ticket, request_, part);
    } else {
      if (ticket.retry_after > 0) retry_after_ = std::min(retry_after_, ticket.retry_after);
      refusals_.add(ticket.refusal);
    }
    return ticket.is_admitted;
  }
  void passed_over() noexcept override {
    if (admitted_) admitted_->let_go();
    admitted_.reset();
  }
  void ended(const http::Outcome& outcome) noexcept override {
    if (admitted_) admitted_->tell(outcome.reason);
    admitted_.reset();
  }
  Error refusal() const override {
    return refused(retry_after_ == not_said ? 0 : retry_after_, refusals_.why());
  }

  void conclude(const Reply& reply) {
    if (admitted_) settle(std::move(*admitted_), request_, reply);
    admitted_.reset();
  }

 private:
  BreakerParts& parts_;
  Request& request_;
  std::optional<AdmittedRequest> admitted_;  // where the attempt goes
  static constexpr std::uint32_t not_said = UINT32_MAX;
  std::uint32_t retry_after_ = not_said;  // the least that was heard
  Refusals refusals_;
};

class BreakerPerEndpoint final : public http::Filter {
 public:
  BreakerPerEndpoint(const BreakerOptions& options, const FilterContext& context)
      : parts_(options, context) {}

  Task<Reply> handle(Request& request, Next next) override {
    EndpointBreaker gate(parts_, request);
    Reply reply = co_await next(request);
    gate.conclude(reply);
    co_return reply;
  }

 private:
  BreakerParts parts_;
};

constexpr config::FilterSpec spec =
    config::scoped(config::spec_of<table>("circuit_breaker", "stops asking a service that fails"),
                   [](const void* options) -> std::string_view {
                     switch (static_cast<const BreakerOptions*>(options)->scope) {
                       case BreakerScope::endpoint:
                         return "endpoint";
                       case BreakerScope::route:
                         return "route";
                       default:
                         return "";
                     }
                   });

std::unique_ptr<http::Filter> make_breaker(const config::FilterConfig& config,
                                           const FilterContext& context) {
  const BreakerOptions& options = config.as<BreakerOptions>();
  switch (options.scope) {
    case BreakerScope::endpoint:
      return std::make_unique<BreakerPerEndpoint>(options, context);
    case BreakerScope::route:
      return std::make_unique<BreakerPerRoute>(options, context);
    default:
      return std::make_unique<BreakerOfPlace>(options, context);
  }
}

constexpr std::string_view kind = "circuit_breaker";

}  // namespace

const Entry circuit_breaker = {&spec, make_breaker};

std::vector<BreakerStatus> breakers(const SharedState& shared, Time now) {
  std::vector<BreakerStatus> all;
  shared.each<BreakerGroup>(std::string(kind), [&](const std::string& place,
                                                   const BreakerGroup& group) {
    const auto name_of = [&place](const std::string& part) {
      return part.empty() ? place : place + '/' + part;
    };
    for (const auto& [part, breaker] : group.members()) {
      const Breaker::Snapshot seen = breaker->snapshot(now);
      all.push_back({name_of(part), to_string(seen.state), to_string(breaker->mode()), seen.since,
                     seen.until, seen.outcomes.all, seen.outcomes.marked, seen.slow.marked});
    }
    for (const auto& [part, mode] : group.not_in_use()) {
      const bool is_open = mode == Breaker::Mode::open;
      const auto state = is_open ? Breaker::State::open : Breaker::State::closed;
      all.push_back(
          {name_of(part), to_string(state), to_string(mode), Time{}, base::never, 0, 0, 0});
    }
  });
  return all;
}

namespace {

Breaker::Mode mode_of(std::string_view word) {
  using Mode = Breaker::Mode;
  return word == "open" ? Mode::open : word == "closed" ? Mode::closed : Mode::automatic;
}

}  // namespace

bool set_breaker(const SharedState& shared, std::string_view place, std::string_view mode,
                 Time now) {
  const Breaker::Mode wanted = mode_of(mode);
  bool is_known = false;
  shared.each<BreakerGroup>(std::string(kind), [&](const std::string& here, BreakerGroup& group) {
    if (place == here)
      is_known |= group.set("", wanted, now);
    else if (place.starts_with(here) && place[here.size()] == '/')
      is_known |= group.set(place.substr(here.size() + 1), wanted, now);
  });
  return is_known;
}

std::vector<HeldBreaker> held_breakers(const SharedState& shared) {
  std::vector<HeldBreaker> all;
  shared.each<BreakerSwitch>(BreakerSwitch::kind, [&](const std::string& place,
                                                      const BreakerSwitch& by_hand) {
    for (const auto& [part, mode] : by_hand.said())
      all.push_back({place, part, std::string(to_string(mode))});
  });
  return all;
}

std::shared_ptr<const void> hold_breakers(SharedState& shared,
                                          const std::vector<HeldBreaker>& held) {
  auto kept = std::make_shared<std::vector<std::shared_ptr<BreakerSwitch>>>();
  for (const HeldBreaker& each : held) {
    kept->push_back(BreakerSwitch::at(each.place, shared));
    kept->back()->set(each.part, mode_of(each.mode));
  }
  return kept;
}

bool has_breaker(const config::Config& config, std::string_view place) {
  const auto stands_in = [place](const std::string& where, const config::Filters& list) {
    return std::any_of(list.begin(), list.end(), [&](const config::FilterConfig& filter) {
      return filter.name == kind && place_of_kind(where, filter.ordinal) == place;
    });
  };
  for (const config::Listener& listener : config.listeners) {
    if (stands_in(config::place_name(listener), listener.filters)) return true;
    for (const config::Route& route : listener.routes)
      if (stands_in(config::place_name(listener, route), route.filters)) return true;
  }
  return std::any_of(config.clusters.begin(), config.clusters.end(), [&](const auto& cluster) {
    return stands_in(config::place_name(cluster), cluster.filters);
  });
}

}  // namespace filters
