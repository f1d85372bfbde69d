#include "proxy/process/trace_exporter.hpp"

#include "proxy/base/json.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <utility>

namespace process {
namespace {

// OpenTelemetry's defaults for what exports spans in batches.
constexpr base::Millis longest_gathering{5'000};
constexpr base::Millis longest_request{10'000};
constexpr base::Millis longest_trying{60'000};
constexpr base::Millis first_pause{1'000};
constexpr base::Millis longest_pause{30'000};
constexpr double jitter = 0.2;
constexpr std::size_t longest_words = 200;  // of the collector's, in the log

bool may_be_sent_again(int status) {
  return status == 0 || status == 429 || status == 502 || status == 503 || status == 504;
}

void add_text(base::JsonWriter& json, std::string_view key, std::string_view value) {
  json.open('{').text("key", key).key("value").open('{').text("stringValue", value);
  json.close('}').close('}');
}

// Up to the spans.
std::string resource_of(const config::NodeInfo& node) {
  base::JsonWriter json;
  json.open('{').key("resourceSpans").open('[').open('{');
  json.key("resource").open('{').key("attributes").open('[');
  add_text(json, "service.name", node.service);
  add_text(json, "service.instance.id", node.id);
  if (node.zone != config::NodeInfo().zone) add_text(json, "cloud.availability_zone", node.zone);
  add_text(json, "telemetry.sdk.name", "outrider");
  add_text(json, "telemetry.sdk.language", "cpp");
  add_text(json, "telemetry.sdk.version", OUTRIDER_VERSION);
  json.close(']').close('}').key("scopeSpans").open('[').open('{');
  json.key("scope").open('{').text("name", "outrider").text("version", OUTRIDER_VERSION);
  std::string text = json.close('}').key("spans").open('[').take();
  text.pop_back();
  return text;
}
constexpr std::string_view resource_end = "]}]}]}";

// How many spans of a request that it took it did not take, and why.
struct Partial {
  std::uint64_t rejected = 0;
  std::string why;
};
Partial partial_of(const std::string& body) {
  boost::system::error_code failed;
  const boost::json::value answer = boost::json::parse(body, failed);
  if (failed || !answer.is_object()) return {};
  const boost::json::value* partial = answer.as_object().if_contains("partialSuccess");
  if (!partial || !partial->is_object()) return {};
  Partial made;
  if (const auto* rejected = partial->as_object().if_contains("rejectedSpans")) {
    if (const auto* number = rejected->if_int64(); number && *number > 0)
      made.rejected = static_cast<std::uint64_t>(*number);
    if (const auto* text = rejected->if_string())
      made.rejected = std::strtoull(text->c_str(), nullptr, 10);
  }
  if (const auto* message = partial->as_object().if_contains("errorMessage"))
    if (const auto* text = message->if_string())
      made.why.assign(text->data(), std::min(text->size(), longest_words));
  return made;
}

}  // namespace

TraceExporter::TraceExporter(const ExporterParts& parts, std::shared_ptr<observe::Traces> traces,
                             std::shared_ptr<const config::Config> config,
                             std::shared_ptr<const certs::TlsContext> tls)
    : parts_(parts),
      traces_(std::move(traces)),
      config_(std::move(config)),
      resource_(resource_of(config_->node)),
      collector_(parts.loop, parts.resolver, *config_->trace, std::move(tls)),
      news_(parts.loop),
      is_to_finish_(parts.loop),
      tasks_(parts.loop) {
  for (const std::string_view outcome : {"exported", "rejected", "failed", "dropped"})
    counter(outcome);
  traces_->when_there_is_news([this, &loop = parts.loop, alive = std::weak_ptr(is_alive_)] {
    loop.post([this, alive] {
      if (alive.lock()) news_.set();
    });
  });
  tasks_.spawn(run()).release();
}

// What is left then will not be sent.
TraceExporter::~TraceExporter() {
  tasks_.cancel_all();
  count_dropped();
  const auto waiting = static_cast<std::uint64_t>(std::max<std::int64_t>(traces_->waiting(), 0));
  if (in_hand_ + waiting > 0) lose("failed", in_hand_ + waiting, "its time is over");
  losses_.tell_rest(teller());
}

void TraceExporter::finish(base::Time until) {
  finish_by_ = until;
  news_.set();
  is_to_finish_.set();
}

bool TraceExporter::is_done() const {
  return (traces_->waiting() <= 0 && in_hand_ == 0) || parts_.loop.now() >= finish_by_;
}

base::Task<> TraceExporter::run() {
  for (;;) {
    while (traces_->waiting() <= 0) co_await news_.wait();
    const base::Time due = parts_.loop.now() + longest_gathering;
    while (traces_->waiting() < observe::Traces::batch && !is_finishing()) {
      const bool has_come = co_await news_.wait(due);
      if (!has_come) break;
    }
    observe::Traces::Batch batch = traces_->take();
    in_hand_ = batch.count;
    if (batch.count > 0) co_await deliver(std::move(batch));
    in_hand_ = 0;
    count_dropped();
  }
}

base::Task<> TraceExporter::deliver(observe::Traces::Batch batch) {
  const std::string body = resource_ + batch.spans + std::string(resource_end);
  const base::Time give_up = parts_.loop.now() + longest_trying;
  base::Duration pause = first_pause;
  for (;;) {
    const base::Time until = std::min(parts_.loop.now() + longest_request, finish_by_);
    const CollectorAnswer answer = co_await collector_.post(body, until);
    if (answer.status / 100 == 2) {
      take(answer, batch.count);
      co_return;
    }
    const std::string why = answer.status == 0 ? answer.problem
                                               : "it answers " + std::to_string(answer.status);
    if (!may_be_sent_again(answer.status)) {
      lose("rejected", batch.count, why);
      co_return;
    }
    const double factor = parts_.loop.random().between(1 - jitter, 1 + jitter);
    const auto jittered = std::chrono::duration_cast<base::Duration>(pause * factor);
    const base::Time next =
        parts_.loop.now() + std::max(jittered, answer.retry_after.value_or(base::Duration::zero()));
    if (is_finishing() || next >= give_up) {
      lose("failed", batch.count, why);
      co_return;
    }
    losses_.add(0, why);
    tell_losses();
    pause = std::min<base::Duration>(pause * 2, longest_pause);
    co_await is_to_finish_.wait(next);
  }
}

void TraceExporter::take(const CollectorAnswer& answer, std::uint64_t spans) {
  Partial partial = partial_of(answer.body);
  const std::uint64_t rejected = std::min(partial.rejected, spans);
  counter("exported").add(parts_.shard, spans - rejected);
  if (rejected > 0)
    lose("rejected", rejected,
         "it takes not all of them" + (partial.why.empty() ? "" : ": " + partial.why));
  else if (std::exchange(is_trouble_told_, false))
    parts_.log.info(about("takes spans again"));
}

void TraceExporter::lose(std::string_view outcome, std::uint64_t spans, const std::string& why) {
  counter(outcome).add(parts_.shard, spans);
  losses_.add(spans, why);
  tell_losses();
}

std::string TraceExporter::about(const std::string& what) const {
  return config_->shown(config_->trace->places, "trace: " + config_->trace->to + ": " + what);
}

Losses::Say TraceExporter::teller() {
  return [this](const std::string& why, std::uint64_t count) {
    const std::string lost =
        count > 0 ? "spans lost: " + std::to_string(count) : "spans are kept and sent again";
    is_trouble_told_ = true;
    parts_.log.warning(about(why + "; " + lost));
  };
}

void TraceExporter::tell_losses() {
  losses_.tell(parts_.loop.now(), teller());
}

void TraceExporter::look() {
  count_dropped();
  tell_losses();
}

void TraceExporter::count_dropped() {
  const std::uint64_t dropped = traces_->dropped();
  const std::uint64_t before = std::exchange(counted_dropped_, dropped);
  if (dropped > before)
    lose("dropped", dropped - before, "it takes spans too slowly, and there is no room for more");
}

stats::Counter& TraceExporter::counter(std::string_view outcome) const {
  return parts_.metrics.counter(
      "outrider_trace_spans_total",
      "Spans, by what became of them: dropped for want of room, rejected by the collector, failed "
      "to reach it, exported.",
      {{"outcome", outcome}});
}

}  // namespace process
