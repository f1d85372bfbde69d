// Refuses the least important requests first when the process is short of memory, slow or late. The
// admin side does not come this way, nor do health checks.
#include "filters/registry.hpp"
#include "filters/shed_level.hpp"
#include "proxy/http/selector.hpp"

#include <array>

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Millis;
using base::Reason;
using base::Task;
using base::Time;
using http::Next;
using http::Reply;
using http::Request;

constexpr int usual_priority = 5;
constexpr std::string_view usual_selector = "header:x-priority";
constexpr Millis between_looks{50};  // at a loop's lag, while requests come

struct Options {
  std::uint32_t memory = 9'000;
  Millis latency{0};
  Millis loop_lag{100};
  std::string priority{usual_selector};
  http::Selector selector = *http::Selector::parse(usual_selector).selector;
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      percentage<Options>("memory", &Options::memory, "90%", "of limits.memory; 0 = any"),
      duration<Options>("latency", &Options::latency, "0s",
                        "to the response's head, in the mean; 0 = any"),
      duration<Options>("loop_lag", &Options::loop_lag, "100ms",
                        "how late an event loop may be; 0 = any"),
      {"priority", "a selector", usual_selector,
       "what says it, 0 to 9, else 5; believed outbound and from trusted peers",
       [](const Node& node, const Reading& reading, Options& into) {
         const std::string* text = scalar_of(node, reading, "a selector");
         if (!text) return;
         http::Selector::Parsed parsed = http::Selector::parse(*text);
         if (!parsed.selector) return reading.mistake(node, std::move(parsed.problem));
         into.priority = *text;
         into.selector = std::move(*parsed.selector);
       },
       [](const Options& options) { return scalar(options.priority); }},
  };
  return rows;
}

int priority_of(const Request& request, const http::Selector& selector) {
  if (!request.info.is_outbound && !request.info.is_trusted) return usual_priority;
  const auto said = selector.of(request);
  const bool is_one = said && said->size() == 1 && (*said)[0] >= '0' && (*said)[0] <= '9';
  return is_one ? (*said)[0] - '0' : usual_priority;
}

// Says in the log when it begins and ends, and how far it has gone in the metrics.
class Announcer {
 public:
  explicit Announcer(const FilterContext& context)
      : place_(context.place_of_kind()),
        log_(context.log),
        level_(context.metrics.gauge("outrider_shed_level",
                                     "Requests of lower priorities are refused.",
                                     {{"place", place_}})) {}

  void changed(const ShedLevel::Change& change) const {
    level_.set(change.to);
    if (change.from == 0)
      log_.warning(place_ + " sheds the least important requests: " + text_of(change.cause) +
                   " over its bound");
    if (change.to == 0) log_.info(place_ + " sheds nothing any more");
  }

 private:
  static std::string text_of(ShedLevel::Cause cause) {
    constexpr std::array<const char*, 3> texts = {"memory is", "latency is", "the loop's lag is"};
    return texts[static_cast<std::size_t>(cause)];
  }

  const std::string place_;
  base::Log& log_;
  stats::Gauge& level_;
};

// A timer that measures how late its loop runs.
class LagWatch final : base::Timer {
 public:
  LagWatch(base::Loop& loop, ShedLevel& level, std::size_t shard)
      : loop_(loop), level_(level), shard_(shard) {}

  void look_soon() {
    if (is_armed()) return;
    due_ = loop_.now() + between_looks;
    loop_.arm(*this, due_);
  }

 private:
  void expired() override { level_.saw_lag(shard_, loop_.now() - due_); }

  base::Loop& loop_;
  ShedLevel& level_;
  const std::size_t shard_;
  Time due_{};
};

class Shed final : public http::Filter {
 public:
  Shed(const Options& options, const FilterContext& context, std::shared_ptr<ShedLevel> level)
      : options_(options),
        around_(*context.around),
        shard_(context.shard),
        level_(std::move(level)),
        lag_(context.loop, *level_, shard_),
        announcer_(context) {}

  Task<Reply> handle(Request& request, Next next) override {
    if (options_.loop_lag > Millis{0}) lag_.look_soon();
    if (const auto change = level_->step(request.info.now(), around_.memory_in_use()))
      announcer_.changed(*change);
    const int level = level_->level();
    if (level > 0 && priority_of(request, options_.selector) < level)
      return Reply(refusal());
    return options_.latency > Millis{0} ? timed(request, next) : next(request);
  }

 private:
  static Error refusal() {
    Error error{Reason::shed, Fault::proxy, "too much load for a request of this priority"};
    error.retry_after = 1;
    return error;
  }

  Task<Reply> timed(Request& request, Next next) {
    const Time began = request.info.now();
    Reply reply = co_await next(request);
    level_->saw_latency(shard_, request.info.now() - began);
    co_return reply;
  }

  const Options& options_;
  const Surroundings& around_;
  const std::size_t shard_;
  const std::shared_ptr<ShedLevel> level_;
  LagWatch lag_;
  const Announcer announcer_;
};

constexpr config::FilterSpec spec = config::needing_route(
    config::spec_of<table>("shed", "refuses the least important requests when load is too high"),
    [](const void* options) {
      return static_cast<const Options*>(options)->selector.needs_route();
    });

}  // namespace

const Entry shed = {
    &spec, [](const config::FilterConfig& config, const FilterContext& context) {
      const Options& options = config.as<Options>();
      auto level = context.process<ShedLevel>("shed", [&] {
        const ShedLevel::Bounds bounds{options.memory, options.latency, options.loop_lag};
        return std::make_shared<ShedLevel>(bounds, context.metrics.shards());
      });
      return std::unique_ptr<http::Filter>(
          std::make_unique<Shed>(options, context, std::move(level)));
    }};

}  // namespace filters
