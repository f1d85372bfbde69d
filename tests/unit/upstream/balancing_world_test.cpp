// Balancing in virtual time: real filters, the end of the chain and pools before endpoints that
// exist in the loop alone.
#include "tests/unit/upstream/virtual_world.hpp"

namespace {

using namespace upstream_test;
using base::Millis;
using std::chrono::seconds;

constexpr const char* a = "10.0.0.1:80";
constexpr const char* b = "10.0.0.2:80";
constexpr const char* c = "10.0.0.3:80";

std::string three(const std::string& fields) {
  return "{ endpoints: [\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"], " + fields + " }";
}

// So many GETs a second.
void load(VirtualWorld& world, int rate, base::Duration time) {
  const base::Time end = world.loop.now() + time;
  for (; world.loop.now() < end; world.loop.advance(Millis{1000} / rate)) world.send();
}

TEST_CASE(
    "balancing: a slow endpoint loses its share within a second under ewma, and gets it back") {
  VirtualWorld world(three("load_balancer: ewma"));
  load(world, 200, seconds(5));
  CHECK(world.at(a).requests > 200);
  world.at(a).answer_time = Millis{500};
  load(world, 200, seconds(1));
  const int before = world.at(a).requests;
  load(world, 200, seconds(2));
  CHECK(world.at(a).requests - before < 20);  // of 400
  world.at(a).answer_time = Millis{1};
  load(world, 200, seconds(60));
  const int then = world.at(a).requests;
  load(world, 200, seconds(5));
  CHECK(world.at(a).requests - then > 150);  // of 1000
  CHECK(world.errors_since(0) <= 1);         // what is under way
}

TEST_CASE("balancing: an endpoint that answers with errors is asked five times, then after 30 s") {
  VirtualWorld world(three("load_balancer: round_robin, filters: [retry: {}]"));
  world.at(b).status = 503;
  load(world, 100, seconds(5));
  CHECK(world.at(b).requests == 5);
  CHECK(world.seen().endpoints[1].health == "ejected");
  load(world, 20, seconds(21));
  CHECK(world.at(b).requests == 5);
  world.at(b).status = 200;
  load(world, 20, seconds(9));
  CHECK(world.at(b).requests > 5);
  CHECK(world.seen().endpoints[1].health == "healthy");
  CHECK(world.errors_since(0) <= 1);
}

TEST_CASE("balancing: one of three dies under load, and nobody sees an error") {
  for (const char* method : {"least_request", "round_robin", "ewma", "random"}) {
    CAPTURE(method);
    VirtualWorld world(three(std::string("load_balancer: ") + method + ", filters: [retry: {}]"));
    load(world, 200, seconds(1));
    world.at(c).stop();
    load(world, 200, seconds(3));
    world.loop.advance(seconds(1));
    CHECK(world.errors_since(0) == 0);
    world.at(c).start();
    const int before = world.at(c).requests;
    load(world, 200, seconds(3));
    CHECK(world.at(c).requests > before + 50);
  }
}

TEST_CASE(
    "balancing: who is ejected because it refused connections comes back when it takes them") {
  VirtualWorld world(three("load_balancer: round_robin, outlier: { consecutive_failures: 1 }"));
  world.at(a).stop();
  load(world, 50, seconds(1));
  CHECK(world.seen().endpoints[0].health == "ejected");
  world.at(a).start();
  load(world, 50, seconds(4));
  CHECK(world.seen().endpoints[0].health == "healthy");
  CHECK(world.at(a).requests > 20);
  CHECK(world.errors_since(0) <= 1);
}

TEST_CASE("balancing: who is not checked is unreachable while it cannot be connected to, and why") {
  VirtualWorld world("{ endpoints: [\"10.0.0.1:80\"], pool: { hold: 0s } }");
  CHECK(world.seen().endpoints[0].health == "healthy");
  world.at(a).stop();
  world.send();
  world.loop.advance(Millis{20});
  CHECK(world.seen().endpoints[0].health == "unreachable");
  CHECK(world.seen().endpoints[0].failure == "nobody is there");
  world.at(a).start();
  world.loop.advance(seconds(2));
  CHECK(world.seen().endpoints[0].health == "healthy");
  CHECK(world.seen().endpoints[0].failure.empty());
}

TEST_CASE("balancing: a restart of all endpoints is waited for, whoever was ejected") {
  VirtualWorld world(three("outlier: { consecutive_failures: 1 }"));
  load(world, 50, seconds(1));
  for (const char* each : {a, b, c}) world.at(each).stop();
  load(world, 50, seconds(1));
  for (const char* each : {a, b, c}) world.at(each).start();
  load(world, 50, seconds(4));
  world.loop.advance(seconds(1));
  CHECK(world.errors_since(60) ==
        0);  // those that were under way when they stopped may have failed
}

TEST_CASE("balancing: an endpoint that comes back starts slowly") {
  VirtualWorld world(three("load_balancer: round_robin, slow_start: 10s"));
  load(world, 100, seconds(15));
  world.at(a).stop();
  load(world, 100, seconds(1));
  world.at(a).start();
  load(world, 100, seconds(2));
  int before = world.at(a).requests;
  load(world, 100, seconds(1));
  CHECK(world.at(a).requests - before < 20);
  load(world, 100, seconds(10));
  before = world.at(a).requests;
  load(world, 100, seconds(3));
  CHECK(world.at(a).requests - before >= 99);
}

}  // namespace
