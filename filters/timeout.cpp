// Bounds an exchange, or below a retry an attempt, in time: as a whole, to its response's head, and
// between bytes. What it bounds is destroyed when the time has passed.
#include <algorithm>

#include "config/values.hpp"
#include "filters/registry.hpp"
#include "proxy/base/within.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/streams.hpp"

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Millis;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;
using http::Name;
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

// When the time of one exchange or attempt is over, as of now: total while it is not known to be a
// stream, idle from the last byte on, response from the end of the request on.
class Limits final : public base::Limit {
 public:
  Limits(const Options& options, const http::StreamInfo& info)
      : options_(options), info_(info), begun_(info.now()) {}

  Time due() const override {
    return std::min({total_due(), response_due(), idle_due(), info_.deadline});
  }
  void head_has_come() { waits_for_head_ = false; }

  Error error() const {
    const Time now = info_.now();
    if (response_due() <= now)
      return {Reason::response_timeout, Fault::upstream, "the upstream did not answer in time"};
    if (total_due() <= now || info_.deadline <= now)
      return {Reason::total_timeout, Fault::upstream, "the exchange took too long"};
    if (waits_for_head_ && info_.request_sent == base::never)
      return {Reason::request_timeout, Fault::downstream, "the request's body did not come in time"};
    return {Reason::idle_timeout, Fault::upstream, "nothing moved for too long"};
  }

 private:
  Time total_due() const {
    return info_.is_stream ? base::never : base::deadline(begun_, options_.total);
  }
  Time response_due() const {
    if (!waits_for_head_ || info_.request_sent == base::never) return base::never;
    return base::deadline(std::max(begun_, info_.request_sent), options_.response);
  }
  Time idle_due() const {
    return base::deadline(std::max(begun_, info_.last_byte), options_.idle);
  }

  const Options& options_;
  const http::StreamInfo& info_;
  Time begun_;
  bool waits_for_head_ = true;
};

// The same limits for the body of the response.
class TimedBody final : public http::WrappedSource {
 public:
  TimedBody(http::Body inner, const Limits& limits, base::Loop& loop)
      : WrappedSource(std::move(inner)), limits_(limits), loop_(loop) {}

  Task<Result<base::Bytes>> read() override {
    auto piece = co_await base::within(loop_, inner_.read(), limits_);
    if (!piece) co_return limits_.error();
    co_return std::move(*piece);
  }

 private:
  Limits limits_;
  base::Loop& loop_;
};

class Timeout final : public http::Filter {
 public:
  Timeout(const Options& options, base::Loop& loop) : options_(options), loop_(loop) {}

  Task<Reply> handle(Request& request, Next next) override {
    http::StreamInfo& info = request.info;
    if (!info.is_stream) info.is_stream = http::is_stream(request);
    take_deadlines(request);
    Limits limits(options_, info);
    auto reply = co_await base::within(loop_, next(request), limits);
    if (!reply) co_return limits.error();
    if (!*reply) co_return std::move(*reply);
    http::Response& response = **reply;
    limits.head_has_come();
    if (!info.is_stream) info.is_stream = http::is_stream(request, response);
    if (!response.body.is_empty())
      response.body = http::Body(new TimedBody(std::move(response.body), limits, loop_));
    co_return std::move(*reply);
  }

 private:
  // What the client says of its patience, passed on with what is left of it.
  static void take_deadlines(Request& request) {
    http::StreamInfo& info = request.info;
    if (const auto text = request.headers.find(Name::grpc_timeout)) {
      if (const auto timeout = http::parse_grpc_timeout(*text)) {
        info.deadline = std::min(info.deadline, info.started + *timeout);
        const base::Duration left = std::max(info.deadline - info.now(), base::Duration{1});
        if (info.now() != info.started) request.headers.set(Name::grpc_timeout, http::grpc_timeout(left));
      }
    }
    const auto text = request.headers.find(Name::x_request_timeout);
    if (!text || (!info.is_outbound && !info.is_trusted)) return;
    const config::Parsed<Millis> timeout = config::parse_duration(*text);
    if (!timeout.value || *timeout.value == Millis{0}) return;
    info.deadline = std::min(info.deadline, info.started + *timeout.value);
    const auto left = std::chrono::ceil<Millis>(info.deadline - info.now()).count();
    request.headers.set(Name::x_request_timeout,
                        std::to_string(std::max<std::int64_t>(left, 1)) + "ms");
  }

  const Options& options_;
  base::Loop& loop_;
};

constexpr config::FilterSpec spec = {
    .name = "timeout",
    .doc = "bounds exchanges or attempts in time",
    .read = [](const config::Node& node, const config::Context& context) {
      return config::read_options(node, context, table());
    }};

}  // namespace

const Entry timeout = {&spec, [](const config::FilterConfig& config, const FilterContext& context) {
                         return std::unique_ptr<http::Filter>(
                             std::make_unique<Timeout>(config.as<Options>(), context.loop));
                       }};

std::unique_ptr<http::Filter> make_default_timeout(base::Loop& loop) {
  static const Options defaults;
  return std::make_unique<Timeout>(defaults, loop);
}

}  // namespace filters
