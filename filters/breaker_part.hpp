// What a worker has of a circuit breaker: with which options it counts, who is told when its state
// changes, and the requests that it let through until their outcome is known. Owned by the filter;
// the worker's thread.
#pragma once

#include "config/conditions.hpp"
#include "filters/breaker_group.hpp"
#include "filters/filter_context.hpp"
#include "proxy/http/message.hpp"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace filters {

enum class BreakerScope : std::uint8_t { place, endpoint, route };

struct BreakerOptions : BreakerSettings {
  config::Conditions failures{"5xx",     "timeout", "connect",
                              "refused", "reset",   "upstream_protocol_error"};
  BreakerScope scope = BreakerScope::place;
};

// Not the upstream's doing: refusals made below, and clients that left.
extern const std::vector<base::Reason> never_counted;
bool says_nothing(base::Reason reason);

// Says in the log and in the metrics what becomes of a breaker. The metrics know its place as a
// whole.
class BreakerAnnouncer {
 public:
  // name: the place, and its part.
  BreakerAnnouncer(std::string name, const FilterContext& context);
  void half_opened() const { count(Breaker::State::half_open); }
  void changed(const Breaker::Snapshot& now) const;

 private:
  void count(Breaker::State state) const;

  const std::string name_;
  const std::size_t shard_;
  base::Log& log_;
  const SharedState& shared_;
  std::array<stats::Counter*, 3> counters_{};
};

struct BreakerPart {
  const BreakerOptions& options;
  const std::shared_ptr<BreakerGroup> group;  // kept, so that it is found
  const std::shared_ptr<Breaker> breaker;
  const std::size_t shard;
  const BreakerAnnouncer announcer;
};

// A worker's parts in the breakers of one place, by the route or the endpoint that each is for.
// Those that the filter before it had, under an earlier configuration, are there from the start.
class BreakerParts {
 public:
  BreakerParts(const BreakerOptions& options, const FilterContext& context);
  // "" = of the place as a whole. Kept by whoever still needs it.
  std::shared_ptr<const BreakerPart> of(std::string_view part);

 private:
  std::shared_ptr<const BreakerPart> make(std::string_view part,
                                          std::shared_ptr<Breaker> breaker) const;

  const BreakerOptions& options_;
  const FilterContext context_;
  const std::shared_ptr<BreakerGroup> group_;
  std::map<std::string, std::shared_ptr<const BreakerPart>, std::less<>> parts_;
};

// The place of one admitted request, given back whatever happens. Destroyed before its end it knows
// its outcome by what cut its scope; a client that left is none.
class AdmittedRequest {
 public:
  // kept: the part, if it may be forgotten before the request is over; else null.
  AdmittedRequest(const BreakerPart& part, Breaker::Ticket ticket, http::Request& request,
                  std::shared_ptr<const BreakerPart> kept = nullptr)
      : part_(&part),
        kept_(std::move(kept)),
        ticket_(ticket),
        info_(request.info),
        scope_(request.scope) {}
  AdmittedRequest(AdmittedRequest&& other) noexcept
      : part_(std::exchange(other.part_, nullptr)),
        kept_(std::move(other.kept_)),
        ticket_(other.ticket_),
        has_head_(other.has_head_),
        info_(other.info_),
        scope_(other.scope_) {}
  AdmittedRequest& operator=(AdmittedRequest&&) = delete;
  ~AdmittedRequest() {
    if (part_) tell(scope_.given_up_by());
    let_go();
  }

  bool is_probe() const { return ticket_.is_probe; }
  void head_came() {
    ticket_.took = info_.now() - ticket_.begun;
    has_head_ = true;
  }
  void tell(base::Reason reason) {
    if (!says_nothing(reason)) tell(part_->options.failures.matches(reason));
  }
  void tell_answer(int status, int grpc_status);
  void tell(bool has_failed);
  // It has no outcome.
  void let_go() {
    if (part_) std::exchange(part_, nullptr)->breaker->without_outcome(ticket_);
  }

 private:
  const BreakerPart* part_;  // null = it was told
  std::shared_ptr<const BreakerPart> kept_;
  Breaker::Ticket ticket_;
  bool has_head_ = false;
  http::StreamInfo& info_;
  const http::Scope& scope_;
};

// The outcome is known by the reply, or, of a gRPC call that goes on, when its scope ends.
void settle(AdmittedRequest admitted, http::Request& request, const http::Reply& reply);

}  // namespace filters
