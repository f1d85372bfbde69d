// What finding a route costs: ten routes against ten thousand, by path, by host, and with a
// catch-all at the end. Says so if the table's size shows.
#include "proxy/routing/router.hpp"

#include "tests/bench/measure.hpp"

#include <cstdio>
#include <cstdlib>

namespace {

routing::Router routes(int count) {
  std::vector<routing::MatchSpec> specs;
  for (int i = 0; i < count; ++i) {
    routing::MatchSpec spec;
    const std::string number = std::to_string(i);
    if (i % 3 == 0) spec.hosts = {"service-" + number + ".test"};
    if (i % 3 != 0 || i % 2 == 0)
      spec.paths = {"/api/v1/resource-" + number + (i % 2 == 0 ? "/*" : "")};
    specs.push_back(spec);
  }
  specs.push_back({});
  return routing::Router(std::move(specs));
}

std::size_t found = 0;

double measure(const char* name, const routing::Router& router, std::string authority,
               std::string path) {
  http::RequestHead head;
  head.authority = std::move(authority);
  head.path = std::move(path);
  return bench::measure(name, 1'000'000, [&](std::uint64_t) {
    found += router.find(routing::MatchInput(head)).value_or(0);
  });
}

}  // namespace

int main() {
  const routing::Router ten = routes(10);
  const routing::Router many = routes(10'000);
  const std::string below = "/items/17?sort=name";
  double few = measure("10 routes, by path", ten, "a.test", "/api/v1/resource-8" + below);
  few += measure("10 routes, by host", ten, "service-9.test", "/x");
  few += measure("10 routes, the last one", ten, "b.test", "/nothing/like/it");
  double all = measure("10 000 routes, by path", many, "a.test", "/api/v1/resource-9998" + below);
  all += measure("10 000 routes, by host", many, "service-9999.test", "/x");
  all += measure("10 000 routes, the last one", many, "b.test", "/nothing/like/it");
  std::printf("10 000 routes cost %.2f of 10 (%zu)\n", all / few, found % 10);
  return all < 3 * few ? EXIT_SUCCESS : EXIT_FAILURE;
}
