// Bounds how many requests are under way at once by a limit that it finds by itself.
#include "filters/gradient_limit.hpp"
#include "filters/registry.hpp"

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Task;
using base::Time;
using http::Next;
using http::Reply;
using http::Request;
using Options = GradientLimit::Settings;

const config::Table<Options>& table() {
  using namespace config;
  constexpr std::uint64_t most = 1'000'000;
  static const Table<Options> rows = {
      integer<Options>("min", &Options::min, 1, most, "4", "at least so many at once"),
      integer<Options>("max", &Options::max, 1, most, "1000", "at most"),
      duration<Options>("window", &Options::window, "1s", "the limit changes once in this time",
                        Zero::refused),
      percentage<Options>("headroom", &Options::headroom, "25%",
                          "so much longer than the least latency is no queue yet"),
  };
  return rows;
}

void check(const config::Node& node, const config::Reading& reading, const Options& options) {
  if (options.min > options.max) reading.mistake(node, "`min` is larger than `max`");
}

// Of one request, until the last byte of its response.
class Entered final : public http::Guard {
 public:
  explicit Entered(GradientLimit& limit) : limit_(limit) {}
  ~Entered() override { limit_.leave(); }
  void ended(const http::Outcome&) noexcept override {}

 private:
  GradientLimit& limit_;
};

class AdaptiveConcurrency final : public http::Filter {
 public:
  AdaptiveConcurrency(std::shared_ptr<GradientLimit> limit, const FilterContext& context)
      : limit_(std::move(limit)),
        shard_(context.shard),
        shown_(context.metrics.gauge("outrider_adaptive_concurrency_limit",
                                     "Requests that may be under way at once.",
                                     {{"place", context.place_of_kind()}})) {
    shown_.set(static_cast<std::int64_t>(limit_->limit()));
  }

  Task<Reply> handle(Request& request, Next next) override {
    if (limit_->enter()) return timed(request, next);
    Error error{Reason::bulkhead_full, Fault::proxy, "the upstream is slow for more at once"};
    error.retry_after = 1;
    return Reply(error);
  }

 private:
  // Failures are quick or late for reasons of their own: they say nothing of queues.
  Task<Reply> timed(Request& request, Next next) {
    request.scope.hold(std::make_unique<Entered>(*limit_));
    const Time began = request.info.now();
    Reply reply = co_await next(request);
    if (!reply || !reply->is_from_upstream) co_return reply;
    const std::uint64_t before = limit_->limit();
    limit_->took(shard_, request.info.now() - began, request.info.now());
    if (const std::uint64_t now = limit_->limit(); now != before)
      shown_.set(static_cast<std::int64_t>(now));
    co_return reply;
  }

  const std::shared_ptr<GradientLimit> limit_;
  const std::size_t shard_;
  stats::Gauge& shown_;
};

constexpr config::FilterSpec spec = config::spec_of<table, check>(
    "adaptive_concurrency",
    "limits how many requests are under way at once, as the upstream bears");

}  // namespace

const Entry adaptive_concurrency = {
    &spec, [](const config::FilterConfig& config, const FilterContext& context) {
      auto limit = context.process<GradientLimit>("adaptive_concurrency", [&] {
        return std::make_shared<GradientLimit>(config.as<Options>(), context.metrics.shards());
      });
      return std::unique_ptr<http::Filter>(
          std::make_unique<AdaptiveConcurrency>(std::move(limit), context));
    }};

}  // namespace filters
