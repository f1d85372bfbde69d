#include "proxy/observe/tracer.hpp"

#include "proxy/observe/spans.hpp"

#include <algorithm>

namespace observe {
namespace {

using http::Name;
using http::TraceParent;

// For a span, or half of a trace: 0 would be none.
std::uint64_t drawn(base::Loop& loop) {
  return std::max<std::uint64_t>(loop.random().next(), 1);
}

// Asked for by whoever may; nobody behind is to hear of it.
bool is_asked_for(http::RequestHead& head, bool is_trusted) {
  const auto field = head.headers.find(Name::x_outrider_trace);
  if (!field) return false;
  const bool is_asked = is_trusted && *field == "1";
  head.headers.remove(Name::x_outrider_trace);
  return is_asked;
}

// `tracestate` belongs to `traceparent`, also where that is not what was gone by.
bool is_of_traceparent(const http::Headers& headers, const TraceParent& parent) {
  const std::optional<TraceParent> other = http::find_traceparent(headers);
  return other && other->id == parent.id;
}

}  // namespace

Tracer::Tracer(Traces& traces, const config::Trace& settings, std::size_t most)
    : traces_(traces),
      propagation_(settings.propagation),
      reads_b3_(std::count(propagation_.begin(), propagation_.end(), config::Propagation::b3) > 0),
      sampler_(settings.sample),
      spans_(most) {}

void Tracer::begin(http::RequestHead& head, http::StreamInfo& info) {
  const bool is_asked = is_asked_for(head, info.is_outbound || info.is_trusted);
  TraceParent parent = parent_of(head.headers).value_or(TraceParent{{}, 0, 0, true});
  http::Trace& trace = info.trace;
  const bool begins = parent.id.is_none();
  if (begins) {
    parent.id = {drawn(info.loop), drawn(info.loop)};
    head.headers.remove(Name::tracestate);
  } else {
    trace.parent = parent.span;
    if (reads_b3_ && !is_of_traceparent(head.headers, parent))
      head.headers.remove(Name::tracestate);
    else
      http::tidy_tracestate(head.headers);
  }
  trace.id = parent.id;
  const bool is_taken =
      is_asked || (begins && parent.leaves_open ? sampler_.takes(trace.id)
                                                : is_sampled(parent, info));
  trace.flags = begins ? http::trace_is_random
                       : static_cast<std::uint8_t>(parent.flags & http::trace_is_random);
  if (is_taken) trace.flags |= http::trace_is_sampled;
  // Who does not record does not stand between its caller and who is called either. What the caller said of
  // its own span is not changed, though: under another flag goes another span (W3C, 3.3.1).
  const bool says_otherwise = ((trace.flags ^ parent.flags) & http::trace_is_sampled) != 0;
  trace.span = is_taken || begins || says_otherwise ? drawn(info.loop) : trace.parent;
  http::set_trace(head.headers, {trace.id, trace.span, trace.flags});
  trace.is_told_by_b3 = reads_b3_;
  if (reads_b3_) http::set_b3(head.headers, {trace.id, trace.span, trace.flags});
}

bool Tracer::is_sampled(const TraceParent& parent, const http::StreamInfo& info) {
  if (!info.is_outbound && !info.is_trusted) return sampler_.takes_of_stranger(parent);
  return parent.leaves_open ? sampler_.takes(parent.id)
                            : (parent.flags & http::trace_is_sampled) != 0;
}

std::optional<TraceParent> Tracer::parent_of(const http::Headers& headers) const {
  std::optional<TraceParent> parent;
  for (const config::Propagation each : propagation_) {
    if (each == config::Propagation::w3c) {
      parent = http::find_traceparent(headers);
    } else {
      const auto single = headers.find(Name::b3);
      parent = single ? http::parse_b3(*single) : std::nullopt;
      if (!parent) parent = http::parse_b3_fields(headers);
    }
    if (parent) break;
  }
  return parent;
}

void Tracer::end(const http::RequestHead& head, const http::StreamInfo& info,
                 const AccessRecord& record) {
  std::int64_t count = 0;
  for_each_span(head, info, record, [&](std::string_view span) { count += spans_.write(span); });
  if (count > 0) traces_.has_written(count);
}

void Tracer::end_mirror(const http::StreamInfo& info, const AccessRecord& record) {
  std::int64_t count = 0;
  for_each_span_of_mirror(info, record,
                          [&](std::string_view span) { count += spans_.write(span); });
  if (count > 0) traces_.has_written(count);
}

Traces::Traces(const config::Trace& settings, int workers) {
  const std::size_t most = most_waiting / static_cast<std::size_t>(workers);
  for (int i = 0; i < workers; ++i) tracers_.emplace_back(new Tracer(*this, settings, most));
}

void Traces::has_written(std::int64_t count) {
  const std::int64_t before = waiting_.fetch_add(count, std::memory_order_acq_rel);
  const bool is_first = before <= 0;
  const bool fills_batch = before < batch && before + count >= batch;
  if ((is_first || fills_batch) && woken_) woken_();
}

// A span may be taken before it was counted: the number is then below 0 for a moment.
Traces::Batch Traces::take() {
  Batch made;
  for (const auto& tracer : tracers_)
    for (std::string_view lines = tracer->spans_.front();
         !lines.empty() && made.count < static_cast<std::uint64_t>(batch);
         lines = tracer->spans_.front()) {
      const std::string_view line = lines.substr(0, lines.find('\n'));
      made.spans.append(made.count > 0 ? "," : "").append(line);
      ++made.count;
      tracer->spans_.pop(line.size() + 1);
    }
  waiting_.fetch_sub(static_cast<std::int64_t>(made.count), std::memory_order_acq_rel);
  return made;
}

std::uint64_t Traces::dropped() const {
  std::uint64_t sum = 0;
  for (const auto& tracer : tracers_) sum += tracer->spans_.dropped();
  return sum;
}

}  // namespace observe
