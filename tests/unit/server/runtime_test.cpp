#include "proxy/base/executor.hpp"
#include "proxy/base/heap.hpp"
#include "proxy/server/runtime.hpp"

#include "config/load.hpp"

#include <doctest/doctest.h>

#include <malloc.h>
#include <memory>
#include <string>

namespace {

// So many routes, each with filters of its own, and one that is plain.
std::shared_ptr<const server::Plan> with_routes(int count) {
  std::string text = "version: 1\nworkers: 1\naccess_log: { format: none }\n"
                     "clusters: { app: { url: \"http://127.0.0.1:1\" } }\n"
                     "listeners:\n  egress:\n    bind: 127.0.0.1:0\n    routes:\n";
  for (int i = 0; i < count; ++i)
    text += "      - { match: { path: /r" + std::to_string(i) +
            " }, to: app, filters: [throttle: { rate: 9/s }] }\n";
  text += "      - to: app\n";
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE(loaded.config);
  return std::move(server::make_plan(loaded.config).plan);
}

int turns_until(base::EventLoop& loop, const std::function<bool()>& is_so) {
  int turns = 0;
  for (; !is_so() && turns < 100'000; ++turns) loop.turn(base::Millis{0});
  return turns;
}

// Pieces that were freed, and that the heap will join with their neighbours all at once.
std::size_t pieces_put_off() {
  return ::mallinfo2().smblks;
}

}  // namespace

TEST_CASE("runtime: a large configuration comes and goes a part in each turn, a small one at once") {
  base::join_freed_memory_at_once();
  base::Log log(2, base::Level::error, false);
  const auto small = with_routes(3), large = with_routes(2'000);
  base::EventLoop loop;
  server::Shared shared(*small, 100, 1 << 28, log);
  base::Executor executor(1, 1);
  server::Runtime runtime(loop, executor, 0, shared);
  runtime.adopt({small, {}, {}});
  const std::size_t put_off = pieces_put_off();  // by other tests
  bool is_done = false;
  const auto done = [&] { is_done = true; };
  runtime.adopt_in_turns({small, {}, {}}, done);
  CHECK(is_done);
  is_done = false;
  runtime.adopt_in_turns({large, {}, {}}, done);
  CHECK(runtime.is_adopting());
  CHECK(turns_until(loop, [&] { return is_done; }) >= 2'000 / 32 - 1);
  CHECK_FALSE(runtime.is_adopting());
  runtime.adopt_in_turns({small, {}, {}}, [] {});
  const auto is_gone = [&] { return large.use_count() == 1; };
  CHECK(turns_until(loop, is_gone) >= 2'000 / 32 - 1);
  CHECK(is_gone());
  CHECK(pieces_put_off() <= put_off);
}
