// Bounds an exchange, or below a retry an attempt, in time: as a whole, to its response's head, and
// between bytes. What it bounds is destroyed when the time has passed.
#include "filters/deadline.hpp"
#include "filters/registry.hpp"
#include "proxy/base/within.hpp"
#include "proxy/http/streams.hpp"

#include <algorithm>

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Millis;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;
using http::Next;
using http::Reply;
using http::Request;

struct Options {
  Millis total{60'000};
  Millis response{0};
  Millis idle{300'000};
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      duration<Options>("total", &Options::total, "60s", "to the end of the response; 0 = any"),
      duration<Options>("response", &Options::response, "0s",
                        "from the request's end to the response's head; 0 = any"),
      duration<Options>("idle", &Options::idle, "5m", "no byte of a body, either way; 0 = any"),
  };
  return rows;
}

Error error_of(Reason reason) {
  switch (reason) {
    case Reason::response_timeout:
      return {reason, Fault::upstream, "the upstream did not answer in time"};
    case Reason::total_timeout:
      return {reason, Fault::upstream, "the exchange took too long"};
    case Reason::request_timeout:
      return {reason, Fault::downstream, "the request's body did not come in time"};
    default:
      return {Reason::idle_timeout, Fault::upstream, "nothing moved for too long"};
  }
}

// When the time of one exchange or attempt is over, as of now: total while it is not known to be a
// stream, idle from the last byte on, response from the end of the request on, which the client's
// body tells. The scope knows when it began: the exchange with the request's head, an attempt when
// it was made.
class TimeoutLimit final : public base::Limit, public http::ClientBody::Observer {
 public:
  TimeoutLimit(const Options& options, Time begun, Request& request)
      : Limit(request.info.loop),
        options_(options),
        begun_(begun),
        info_(request.info),
        scope_(request.scope) {
    if (options_.response != Millis{0}) info_.client_body.tell(*this);
  }

  Time due() const override {
    return std::min({total_due(), response_due(), idle_due(), info_.end_by()});
  }
  void has_passed() override {
    passed_by_ = verdict();
    scope_.cut(passed_by_);
  }
  Reason passed_by() const { return passed_by_; }
  void request_has_ended() override { may_be_earlier(); }
  bool have_passed() const { return due() <= info_.now(); }
  void head_has_come() { waits_for_head_ = false; }

  Time total_due() const {
    return scope_.is_stream ? base::never : base::deadline(begun_, options_.total);
  }
  Reason verdict() const {
    const Time now = info_.now();
    if (response_due() <= now) return Reason::response_timeout;
    if (waits_for_head_ && info_.client_body.is_awaited) return Reason::request_timeout;
    return std::min(total_due(), info_.end_by()) <= now ? Reason::total_timeout
                                                        : Reason::idle_timeout;
  }

 private:
  Time response_due() const {
    if (!waits_for_head_ || info_.client_body.ended() == base::never) return base::never;
    return base::deadline(std::max(begun_, info_.client_body.ended()), options_.response);
  }
  Time idle_due() const { return base::deadline(std::max(begun_, info_.last_byte), options_.idle); }

  const Options& options_;
  const Time begun_;
  http::StreamInfo& info_;
  http::Scope& scope_;
  bool waits_for_head_ = true;
  Reason passed_by_ = Reason::none;
};

// What bounds an exchange from its request's head to its response's end; it becomes the source of
// the response's body, so that one timer does for both. An upstream that always has bytes ready
// never makes the reader wait, so the time is looked at before each read as well.
class Timed final : public http::WrappedSource {
  using Piece = Result<base::Bytes>;

 public:
  Timed(const Options& options, Time begun, Request& request)
      : WrappedSource({}), limit_(options, begun, request) {}

  Task<Piece> read() override {
    if (limit_.have_passed()) limit_.has_passed();
    if (limit_.passed_by() != Reason::none) return Piece(error_of(limit_.passed_by()));
    return next();
  }
  Task<Result<void>> rest() override {
    const auto rest = co_await base::within(inner_.rest(), limit_);
    if (!rest) co_return error_of(limit_.passed_by());
    co_return *rest;
  }
  void bounds(http::Body& body) { std::swap(inner_, body); }
  TimeoutLimit& limit() { return limit_; }

 private:
  Task<Piece> next() {
    Task<Piece> piece = inner_.read();
    if (!piece.value()) piece = bounded(std::move(piece));
    return piece;
  }
  Task<Piece> bounded(Task<Piece> waiting) {
    auto piece = co_await base::within(std::move(waiting), limit_);
    if (!piece) co_return error_of(limit_.passed_by());
    co_return std::move(*piece);
  }

  TimeoutLimit limit_;
};

class Timeout final : public http::Filter {
 public:
  enum class Bounds { what_stands_below, exchange };
  Timeout(const Options& options, Bounds bounds) : options_(options), bounds_(bounds) {}

  Task<Reply> handle(Request& request, Next next) override {
    http::Scope& scope = request.scope;
    if (!scope.is_stream) scope.is_stream = http::is_stream(request);
    const Time begun = bounds_ == Bounds::exchange ? request.info.started : scope.begun();
    auto timed = std::make_unique<Timed>(options_, begun, request);
    take_deadline(request);
    scope.deadline = std::min(scope.deadline, timed->limit().total_due());
    pass_deadline_on(request);
    auto reply = co_await base::within(next(request), timed->limit());
    if (!reply) co_return error_of(timed->limit().passed_by());
    if (!*reply) co_return std::move(*reply);
    http::Response& response = **reply;
    timed->limit().head_has_come();
    if (!scope.is_stream) scope.is_stream = http::is_stream(request, response);
    if (!response.body.is_empty()) {
      bound_taking(request.info.idle);
      timed->bounds(response.body);
      response.body = http::Body(timed.release());
    }
    co_return std::move(*reply);
  }

 private:
  // Who reads the response waits for the client as well, where no limit of ours watches.
  void bound_taking(Millis& idle) const {
    if (idle == Millis{0} || (options_.idle != Millis{0} && options_.idle < idle))
      idle = options_.idle;
  }

  const Options options_;
  const Bounds bounds_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("timeout", "bounds exchanges or attempts in time");

}  // namespace

const Entry timeout = {&spec, [](const config::FilterConfig& config, const FilterContext&) {
                         return std::unique_ptr<http::Filter>(std::make_unique<Timeout>(
                             config.as<Options>(), Timeout::Bounds::what_stands_below));
                       }};

// It stands before the route's filters, but a retry of the listener's may run it for each attempt.
std::unique_ptr<http::Filter> make_default_timeout() {
  return std::make_unique<Timeout>(Options(), Timeout::Bounds::exchange);
}

std::unique_ptr<http::Filter> make_idle_timeout(base::Millis idle) {
  return std::make_unique<Timeout>(Options{Millis{0}, Millis{0}, idle}, Timeout::Bounds::exchange);
}

}  // namespace filters
