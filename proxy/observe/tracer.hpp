// Traces of a worker's exchanges: a trace begins, or goes on, with a request's head; when the
// exchange is over and its trace is one that is recorded, a span for it and one for each of its
// attempts wait to be exported. Others cost neither memory nor a look at the clock. Owned by
// Traces; its worker's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/http/message.hpp"
#include "proxy/observe/access_log.hpp"
#include "proxy/observe/log_queue.hpp"
#include "proxy/observe/trace_sampler.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace observe {

class Traces;

class Tracer {
 public:
  // Before any filter, once it is known whether the client is trusted. Sets info.trace, and what
  // the request says of it.
  void begin(http::RequestHead& head, http::StreamInfo& info);
  // Of one that is recorded.
  void end(const http::RequestHead& head, const http::StreamInfo& info,
           const AccessRecord& record);
  // Of a copy of one that is; its attempts stand within that one's span.
  void end_mirror(const http::StreamInfo& info, const AccessRecord& record);

 private:
  friend class Traces;
  Tracer(Traces& traces, const config::Trace& settings, std::size_t most);

  std::optional<http::TraceParent> parent_of(const http::Headers& headers) const;
  bool is_sampled(const http::TraceParent& parent, const http::StreamInfo& info);

  Traces& traces_;
  const std::vector<config::Propagation> propagation_;
  const bool reads_b3_;
  TraceSampler sampler_;
  LogQueue spans_;  // a line each, in the JSON of OTLP
};

// What waits to be exported, of all workers. Outlives the generations that write to it. Workers
// write, control takes.
class Traces {
 public:
  static constexpr std::int64_t batch = 512;  // OpenTelemetry's default, as are 5 s

  Traces(const config::Trace& settings, int workers);
  Traces(const Traces&) = delete;
  Traces& operator=(const Traces&) = delete;

  Tracer& of(int worker) { return *tracers_[static_cast<std::size_t>(worker)]; }

  // Called by a worker's thread when the first has come, and when a batch is full. Before any
  // worker has it.
  void when_there_is_news(std::function<void()> woken) { woken_ = std::move(woken); }

  // --- control ---
  std::int64_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  struct Batch {
    std::string spans;  // joined by commas
    std::uint64_t count = 0;
  };
  Batch take();
  std::uint64_t dropped() const;  // for want of room, ever

 private:
  friend class Tracer;
  void has_written(std::int64_t count);

  static constexpr std::size_t most_waiting = 4 * 1024 * 1024;  // bytes, of all workers

  std::vector<std::unique_ptr<Tracer>> tracers_;
  std::atomic<std::int64_t> waiting_{0};
  std::function<void()> woken_;
};

}  // namespace observe
