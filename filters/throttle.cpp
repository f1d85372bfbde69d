// Keeps what passes to a rate: refuses what comes too early, or has it wait for its turn.
#include "filters/key.hpp"
#include "filters/registry.hpp"
#include "filters/throttle_buckets.hpp"

#include <algorithm>
#include <map>

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
using Verdict = ThrottleBuckets::Verdict;

constexpr std::uint64_t most = 1'000'000;

enum class OnExcess : std::uint8_t { reject, queue };
enum class Reach : std::uint8_t { process, worker };
enum class Told : std::uint8_t { rejected, always, none };  // who gets ratelimit fields

struct Options {
  config::Rate rate;
  Algorithm algorithm = Algorithm::token_bucket;
  std::uint64_t burst = 0;  // 0 = was not written
  Key key;
  OnExcess on_excess = OnExcess::reject;
  std::uint64_t max_queue = 100;
  Millis max_wait{1'000};
  Reach scope = Reach::process;
  std::uint64_t max_keys = 10'000;
  std::string name = "default";
  Told headers = Told::rejected;

  bool is_bucket() const {
    return algorithm == Algorithm::token_bucket || algorithm == Algorithm::leaky_bucket;
  }
};

// Only what has a meaning is shown, so that what is shown can be read again.
config::Field<Options> shown_if(bool (*is_shown)(const Options&), config::Field<Options> field) {
  field.write = [is_shown, write = std::move(field.write)](const Options& options) {
    return is_shown(options) ? write(options) : nullptr;
  };
  return field;
}

void read_name(const config::Node& node, const config::Reading& reading, Options& into) {
  config::read_text(node, reading, into.name);
  const auto is_bad = [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; };
  if (into.name.empty() || into.name.size() > 64 ||
      std::any_of(into.name.begin(), into.name.end(), is_bad))
    reading.mistake(node, "a name is 1 to 64 printable ASCII characters without \" and \\");
}

const config::Table<Options>& table() {
  using namespace config;
  const auto queues = [](const Options& options) { return options.on_excess == OnExcess::queue; };
  const auto has_keys = [](const Options& options) { return !options.key.is_empty(); };
  const auto has_burst = [](const Options& options) { return options.burst > 0; };
  static const Table<Options> rows = {
      required(rate<Options>("rate", &Options::rate, "", "so many in a second, minute or hour")),
      word<Options>("algorithm", &Options::algorithm,
                    {"fixed_window", "sliding_window", "token_bucket", "leaky_bucket"},
                    "token_bucket", "how they are counted; the window is the rate's unit"),
      shown_if(has_burst, integer<Options>("burst", &Options::burst, 1, most,
                                           "the rate's count; of a leaky_bucket 1",
                                           "of either bucket: how many may pass at once")),
      key_field<Options>(&Options::key,
                         "a rate for each; absent = one; who lacks it shares one; see Expressions"),
      word<Options>("on_excess", &Options::on_excess, {"reject", "queue"}, "reject",
                    "what is over the rate: refuse it, or let it wait for its turn"),
      shown_if(queues, integer<Options>("max_queue", &Options::max_queue, 1, most, "100",
                                        "so many may wait, for each key")),
      shown_if(queues, duration<Options>("max_wait", &Options::max_wait, "1s", "for so long",
                                         Zero::refused)),
      word<Options>("scope", &Options::scope, {"process", "worker"}, "process",
                    "the rate of all workers together, or each has its share and counts alone"),
      shown_if(has_keys, integer<Options>("max_keys", &Options::max_keys, 1, most, "10000",
                                          "so many are kept; least recently used leaves")),
      {"name", "text", "default", "in header fields and metrics", read_name,
       [](const Options& options) { return scalar(options.name); }},
      word<Options>("headers", &Options::headers, {"rejected", "always", "none"}, "rejected",
                    "which answers carry ratelimit and ratelimit-policy"),
  };
  return rows;
}

void check(const config::Node& node, const config::Reading& reading, const Options& options) {
  const auto needs = [&](std::string_view field, bool is_met, const char* what) {
    if (const config::Node* written = node.find(field); written && !is_met)
      reading.mistake(*written, "\"" + std::string(field) + "\" has a meaning only " + what);
  };
  needs("rate", options.rate.count <= most, "up to 1000000 in its unit");
  needs("burst", options.is_bucket(), "with `algorithm: token_bucket` or `leaky_bucket`");
  needs("max_queue", options.on_excess == OnExcess::queue, "with `on_excess: queue`");
  needs("max_wait", options.on_excess == OnExcess::queue, "with `on_excess: queue`");
  needs("max_keys", !options.key.is_empty(), "with a `key`");
}

// One worker's part of a number: all parts together are the number, but each is at least one.
std::uint64_t part_of(std::uint64_t number, const FilterContext& context) {
  const std::uint64_t extra = context.shard < number % context.workers ? 1 : 0;
  return std::max<std::uint64_t>(number / context.workers + extra, 1);
}

ThrottleBuckets::Settings settings_of(const Options& options, const FilterContext& context) {
  const std::uint64_t fallback =
      options.algorithm == Algorithm::leaky_bucket ? 1 : options.rate.count;
  LimiterSettings limiter{options.rate.count, options.rate.per, options.algorithm,
                          options.burst > 0 ? options.burst : fallback};
  if (options.scope == Reach::worker) {
    limiter.count = part_of(limiter.count, context);
    limiter.burst = part_of(limiter.burst, context);
  }
  return {limiter, options.key.is_empty() ? 1 : options.max_keys, options.max_queue};
}

std::shared_ptr<ThrottleBuckets> buckets_of(const Options& options, const FilterContext& context) {
  std::string kind = "throttle";
  if (options.scope == Reach::worker) kind += " of worker " + std::to_string(context.shard);
  return context.process<ThrottleBuckets>(
      kind, [&] { return std::make_shared<ThrottleBuckets>(settings_of(options, context)); });
}

// Whole seconds, rounded up.
std::uint64_t seconds(base::Duration duration) {
  const auto whole = std::chrono::ceil<std::chrono::seconds>(duration).count();
  return whole > 0 ? static_cast<std::uint64_t>(whole) : 0;
}

// draft-ietf-httpapi-ratelimit-headers-08.
class RateFields {
 public:
  explicit RateFields(const Options& options)
      : name_('"' + options.name + '"'),
        policy_(name_ + ";q=" + std::to_string(options.rate.count) +
                ";w=" + std::to_string(seconds(options.rate.per))) {}

  void add(http::Headers& to, const Verdict& verdict) const {
    to.add("ratelimit-policy", policy_);
    to.add("ratelimit", name_ + ";r=" + std::to_string(verdict.left) +
                            ";t=" + std::to_string(seconds(verdict.until_whole)));
  }

 private:
  const std::string name_;
  const std::string policy_;
};

// How many were refused, by the listener and the route that they came by.
class Refusals {
 public:
  Refusals(const std::string& name, const FilterContext& context)
      : name_(name), metrics_(context.metrics), shard_(context.shard) {}

  void count(const http::StreamInfo& info) {
    stats::Counter*& counter = counters_[{info.listener, info.route}];
    if (!counter)
      counter = &metrics_.counter(
          "outrider_throttled_total", "Requests that throttles refused.",
          {{"listener", info.listener}, {"route", info.route}, {"filter", name_}});
    counter->add(shard_);
  }

 private:
  const std::string& name_;
  stats::Registry& metrics_;
  const std::size_t shard_;
  // Both names lie in the configuration that the filter belongs to.
  std::map<std::pair<std::string_view, std::string_view>, stats::Counter*> counters_;
};

class Throttle final : public http::Filter {
 public:
  Throttle(const Options& options, const FilterContext& context)
      : options_(options),
        fields_(options),
        refusals_(options.name, context),
        buckets_(buckets_of(options, context)) {}

  Task<Reply> handle(Request& request, Next next) override {
    const Verdict verdict = buckets_->ask(options_.key.of(request, key_room_), request.info.now());
    if (verdict.is_admitted) return admitted(request, next, verdict);
    if (options_.on_excess == OnExcess::queue) return queued(request, next);
    return Reply(refused(request, verdict, "over the rate"));
  }

 private:
  Task<Reply> admitted(Request& request, Next next, Verdict verdict) const {
    return options_.headers == Told::always ? told(request, next, verdict) : next(request);
  }

  Task<Reply> told(Request& request, Next next, Verdict verdict) const {
    Reply reply = co_await next(request);
    if (reply) fields_.add(reply->headers, verdict);
    co_return reply;
  }

  Task<Reply> queued(Request& request, Next next) {
    const Verdict verdict = co_await turn_of(request);
    if (verdict.is_admitted) co_return co_await admitted(request, next, verdict);
    co_return refused(request, verdict, "over the rate, and its turn would come too late");
  }

  Task<Verdict> turn_of(const Request& request) {
    const http::StreamInfo& info = request.info;
    const Time latest =
        std::min({info.now() + options_.max_wait, request.scope.deadline, info.client_deadline});
    ThrottleBuckets::Waiter waiter(info.loop);
    Verdict verdict =
        buckets_->join(options_.key.of(request, key_room_), info.now(), latest, waiter);
    while (waiter.is_waiting()) {
      verdict = waiter.look(info.now());
      if (verdict.is_admitted || info.now() >= latest) break;
      co_await waiter.turn.wait(std::min(verdict.next, latest));
    }
    co_return verdict;
  }

  Error refused(Request& request, const Verdict& verdict, std::string_view why) {
    http::StreamInfo& info = request.info;
    refusals_.count(info);
    info.throttle_fields = http::Headers();
    if (options_.headers != Told::none) fields_.add(info.throttle_fields, verdict);
    Error error{Reason::throttled, Fault::downstream, why};
    const base::Duration wait =
        verdict.next == base::never ? verdict.until_whole : verdict.next - info.now();
    error.retry_after = static_cast<std::uint32_t>(std::max<std::uint64_t>(seconds(wait), 1));
    return error;
  }

  const Options& options_;
  const RateFields fields_;
  Refusals refusals_;
  const std::shared_ptr<ThrottleBuckets> buckets_;
  std::string key_room_;
};

constexpr config::FilterSpec spec = config::needing_route(
    config::spec_of<table, check>("throttle", "keeps what passes to a rate"),
    [](const void* options) { return static_cast<const Options*>(options)->key.needs_route(); });

}  // namespace

const Entry throttle = {&spec,
                        [](const config::FilterConfig& config, const FilterContext& context) {
                          return std::unique_ptr<http::Filter>(
                              std::make_unique<Throttle>(config.as<Options>(), context));
                        }};

}  // namespace filters
