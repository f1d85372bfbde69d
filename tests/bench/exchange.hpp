// An exchange between the protocols, for benchmarks: from head to log line through the router and
// the filters of a list to an upstream that answers at once; no socket, no parser. Header only.
#pragma once

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/routing/route_handlers.hpp"
#include "proxy/server/exchange.hpp"
#include "proxy/server/plan.hpp"
#include "tests/bench/measure.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace bench {

inline std::string config_with(std::string_view filters) {
  return "version: 1\nlisteners:\n  in:\n    bind: 127.0.0.1:0\n    filters: " +
         std::string(filters) + "\n    routes: [{ to: app }]\nclusters:\n" +
         "  app: { url: \"http://127.0.0.1:1\" }\n";
}

class Upstream final : public http::Handler {
 public:
  http::Task<http::Reply> handle(http::Request& request) override {
    request.info.attempts = 1;
    http::Response response;
    response.status = 200;
    response.headers.add(http::Name::content_type, "text/plain");
    response.headers.add(http::Name::content_length, "5");
    response.body = http::Body::of(base::Bytes::copy_of("hello"));
    return http::Reply(std::move(response));
  }
};

class Downstream final : public http::ServerStream {
 public:
  const http::ConnectionInfo& connection() const override { return info_; }
  void send_interim(int, const http::Headers&) noexcept override {}
  base::Result<void> send_head(const http::Response&, bool) override { return {}; }
  base::Task<base::Result<void>> write(base::Bytes) override { return base::Result<void>(); }
  base::Result<void> finish(const http::Headers&) override { return {}; }
  bool carries_trailers() const override { return false; }
  void abort(const base::Error&) noexcept override {}
  base::Time last_taken() const override { return base::never; }

 private:
  http::ConnectionInfo info_{*base::Address::parse("127.0.0.1:9"), false, "", "http1"};
};

inline http::Incoming incoming() {
  http::Incoming made;
  made.head.scheme = "http";
  made.head.authority = "shop.test:8080";
  made.head.path = "/items/17?sort=name";
  made.head.headers.reserve(128, 8);
  made.head.headers.add(http::Name::accept, "*/*");
  made.head.headers.add("user-agent", "bench/1.0");
  made.head.headers.add("accept-encoding", "gzip, br");
  return made;
}

inline base::Task<> serve(const server::ListenerPolicy& policy, Downstream& downstream) {
  server::Exchange exchange({}, policy, incoming(), downstream);
  co_await exchange.run();
}

// What a filter may ask of what is around it: nothing here hands over, and memory is not short.
struct NothingAround final : filters::Surroundings {
  explicit NothingAround(http::Handler& to) : handler(to) {}
  http::Handler& chain_of(std::string_view) override { return handler; }
  std::uint32_t memory_in_use() const override { return 0; }
  http::Handler& handler;
};

// An exchange through these filters, a list in YAML's flow form or lines of it.
inline double measure_exchange(const char* name, std::string_view filter_list,
                               std::uint64_t times = 200'000) {
  const config::Loaded loaded =
      config::load_text("bench.yaml", config_with(filter_list), filters::specs());
  if (!loaded.config) {
    for (const config::Mistake& mistake : loaded.mistakes)
      std::fprintf(stderr, "%s\n", mistake.to_string().c_str());
    std::exit(EXIT_FAILURE);
  }
  const server::Planned planned = server::make_plan(loaded.config);
  const server::PlannedListener& listener = planned.plan->listeners.front();
  base::Loop loop;
  Upstream upstream;
  NothingAround around(upstream);
  filters::SharedState shared;
  stats::Registry registry(1);
  base::Log log(-1, base::Level::error, false);
  std::vector<std::unique_ptr<http::Filter>> chain;
  for (const config::FilterConfig& each : listener.config->filters)
    chain.push_back(filters::make(each, {"listener in", each.ordinal, loop, shared, registry, 0,
                                         log, each.fields, 1, &around}));

  routing::RouteChain route;
  auto clusters = std::make_unique<routing::ClusterHandler>(
      std::vector<routing::WeightedCluster>{{"app", 10'000, &upstream, false}});
  route.clusters = clusters.get();
  route.last = std::move(clusters);
  route.filtered =
      std::make_unique<http::Chain>(std::vector<std::unique_ptr<http::Filter>>(), *route.last);
  routing::RouteHandler router(*listener.routes);
  router.add(std::make_shared<const routing::RouteChain>(std::move(route)));
  http::Chain whole(std::move(chain), router);

  observe::RequestMetrics metrics(registry, 0);
  const server::Admission admission(1, 1, 1 << 30);
  server::ListenerCounts counts;
  server::ListenerPolicy policy{loop, &whole, admission, metrics, nullptr, counts};
  policy.name = listener.config->name;
  policy.is_outbound = true;
  policy.pseudonym = listener.pseudonym;
  policy.via_http1 = "1.1 " + listener.pseudonym;
  Downstream downstream;
  base::TaskGroup tasks(loop);
  return measure(name, times, [&](std::uint64_t) {
    tasks.spawn(serve(policy, downstream)).release();
    loop.settle();
  });
}

}  // namespace bench
