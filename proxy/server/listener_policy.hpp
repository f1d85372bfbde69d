// What one generation makes of one listener: the chain that its requests take, how their heads are
// prepared, and where they are counted and logged. Immutable; outlives the generation's exchanges. The
// worker's thread.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/http/forwarded.hpp"
#include "proxy/observe/access_log.hpp"
#include "proxy/observe/request_metrics.hpp"
#include "proxy/observe/spectators.hpp"
#include "proxy/observe/tracer.hpp"
#include "proxy/server/admission.hpp"
#include "proxy/server/listener_counts.hpp"
#include "proxy/server/lost_clients.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace server {

struct ListenerPolicy {
  base::Loop& loop;
  http::Handler* chain;
  const Admission& admission;
  observe::RequestMetrics& metrics;
  observe::AccessLog::Queue* log = nullptr;  // null = no access log
  ListenerCounts& counts;
  std::shared_ptr<LostClients> lost_clients{};
  observe::Spectators* spectators = nullptr;  // null = none, as in tests
  observe::Tracer* tracer = nullptr;          // null = there are no traces

  std::string_view name{};
  std::string_view service{};           // of the node
  std::string_view request_id_field{};  // of errors made before any filter too; "" = none
  bool is_outbound = false;
  bool normalizes_path = false;
  bool rejects_encoded_slash = false;
  http::ForwardedPolicy forwarded{};
  std::string pseudonym{};  // see via.hpp
  std::string via_http1{};  // the `via` to add, by the version that the request came with
  std::string via_h2{};
};

}  // namespace server
