// Sends spans to the collector, in batches: as soon as one is full, or five seconds after its first
// span came. What the collector does not take for now is sent again for a minute; that it does not is
// told in the log, and what is lost is counted (outrider_trace_spans_total) and told, by cause. Requests
// never wait for it: what finds no room meanwhile is dropped. Owned by control; its thread.
#pragma once

#include "config/model.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/log.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/observe/tracer.hpp"
#include "proxy/process/collector.hpp"
#include "proxy/process/losses.hpp"
#include "proxy/stats/registry.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace process {

// What it works with; all of it outlives it.
struct ExporterParts {
  base::EventLoop& loop;
  net::Resolver& resolver;
  base::Log& log;
  stats::Registry& metrics;
  std::size_t shard;
};

class TraceExporter {
 public:
  // Before any worker has the traces.
  TraceExporter(const ExporterParts& parts, std::shared_ptr<observe::Traces> traces,
                std::shared_ptr<const config::Config> config,
                std::shared_ptr<const certs::TlsContext> tls);
  ~TraceExporter();

  bool is_of(const observe::Traces* traces) const { return traces_.get() == traces; }
  void renew_tls(std::shared_ptr<const certs::TlsContext> tls) {
    collector_.renew_tls(std::move(tls));
  }

  // From now on what there is goes out at once, and is tried once, until then.
  void finish(base::Time until);
  bool is_finishing() const { return finish_by_ != base::never; }
  // Nothing is left, or the time is over.
  bool is_done() const;
  // Its generations have gone: nothing more will come.
  bool is_alone() const { return traces_.use_count() == 1; }
  // Counts what has been dropped for want of room, and tells what was lost; from time to time.
  void look();

 private:
  base::Task<> run();
  base::Task<> deliver(observe::Traces::Batch batch);
  void take(const CollectorAnswer& answer, std::uint64_t spans);
  void lose(std::string_view outcome, std::uint64_t spans, const std::string& why);
  void count_dropped();
  std::string about(const std::string& what) const;
  Losses::Say teller();
  void tell_losses();
  stats::Counter& counter(std::string_view outcome) const;

  const ExporterParts parts_;
  const std::shared_ptr<observe::Traces> traces_;
  const std::shared_ptr<const config::Config> config_;
  const std::string resource_;  // what stands in front of the spans of each request
  Collector collector_;
  base::Event news_;
  base::Event is_to_finish_;
  base::Time finish_by_ = base::never;
  std::uint64_t in_hand_ = 0;  // spans of the request that is under way
  std::uint64_t counted_dropped_ = 0;
  Losses losses_;
  bool is_trouble_told_ = false;  // and not that it takes spans again
  const std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
  base::TaskGroup tasks_;  // dies before what its task uses
};

}  // namespace process
