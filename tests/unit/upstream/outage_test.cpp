#include "proxy/upstream/outage.hpp"

#include "tests/unit/upstream/virtual_world.hpp"

namespace {

using namespace upstream_test;
using base::Millis;
using base::Reason;
using std::chrono::seconds;
using State = VirtualEndpoint::State;

constexpr const char* one = "{ endpoints: [\"10.0.0.1:80\"] }";
constexpr const char* guarded =
    "{ endpoints: [\"10.0.0.1:80\"], filters: [retry: {}, circuit_breaker: {}] }";
constexpr const char* two = "{ endpoints: [\"10.0.0.1:80\", \"10.0.0.2:80\"] }";

Millis since(base::Time begin, base::Time end) {
  return std::chrono::duration_cast<Millis>(end - begin);
}

TEST_CASE("outage: an app that is away for two seconds costs nobody an error") {
  for (const char* cluster : {one, guarded}) {
    CAPTURE(cluster);
    VirtualWorld world(cluster);
    world.send_for(seconds{2});
    world.at("10.0.0.1:80").stop();
    world.send_for(seconds{2});
    CHECK(world.seen().held > 30);
    world.at("10.0.0.1:80").start();
    world.send_for(seconds{2});
    world.loop.advance(seconds{1});
    CHECK(world.errors_since(0) == 0);
    CHECK(world.seen().held == 0);
    CHECK(world.going.size() > 100);
  }
}

TEST_CASE("outage: after any time up to a minute the app is back within a second and a half") {
  for (const int away : {1, 3, 4, 7, 15, 31, 45, 60}) {
    CAPTURE(away);
    VirtualWorld world(guarded);
    world.send_for(seconds{2});
    world.at("10.0.0.1:80").stop();
    world.send_for(seconds{away});
    world.at("10.0.0.1:80").start();
    world.send_for(Millis{1500});
    const std::size_t back = world.going.size();
    world.send_for(seconds{2});
    world.loop.advance(seconds{1});
    CHECK(world.errors_since(back) == 0);
  }
}

TEST_CASE("outage: exchanges are held from the first refusal on, and fail at once after that") {
  VirtualWorld world(one);
  world.at("10.0.0.1:80").state = State::refuses;
  const Going& first = world.send();
  world.loop.advance(seconds{2});
  const Going& second = world.send();
  world.loop.advance(Millis{990});
  CHECK(!first.reply);
  CHECK(!second.reply);
  world.loop.advance(Millis{20});
  for (const Going* held : {&first, &second}) {
    REQUIRE(held->reply);
    CHECK(held->reply->error().reason == Reason::connect_failure);
    CHECK(held->reply->error().unsent);
    CHECK(!held->reply->error().untried);
  }
  const Going& third = world.send();
  REQUIRE(third.reply);
  CHECK(third.reply->error().reason == Reason::connect_failure);
  CHECK(third.reply->error().untried);
  world.at("10.0.0.1:80").start();
  world.loop.advance(Millis{1010});
  const Going& fourth = world.send();
  world.loop.advance(Millis{5});
  CHECK(fourth.is_over);
}

TEST_CASE("outage: one attempt at a time, 50 ms after the first, doubled, at most a second") {
  VirtualWorld world(one);
  world.at("10.0.0.1:80").state = State::refuses;
  for (int i = 0; i < 10; ++i) world.send();
  world.loop.advance(seconds{5});
  const std::vector<base::Time>& connects = world.at("10.0.0.1:80").connects;
  std::vector<long> pauses;
  std::size_t first = 0;  // of an HTTP/1 burst each exchange had begun one
  while (first + 1 < connects.size() && connects[first + 1] == connects[0]) ++first;
  for (std::size_t i = first; i + 1 < connects.size(); ++i)
    pauses.push_back(since(connects[i], connects[i + 1]).count());
  REQUIRE(pauses.size() >= 7);
  const std::vector<long> expected = {50, 100, 200, 400, 800, 1000, 1000};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CAPTURE(i);
    CHECK(pauses[i] >= expected[i]);
    CHECK(pauses[i] <= expected[i] + 3);
  }
  CHECK(world.seen().endpoints[0].pool.out_for > seconds{4});
}

TEST_CASE("outage: who takes connections and ends them before anything was asked is given pauses") {
  VirtualWorld world("{ endpoints: [\"10.0.0.1:80\"], protocol: h2 }");
  VirtualEndpoint& endpoint = world.at("10.0.0.1:80");
  endpoint.state = State::serves_nobody;
  const Going& held = world.send();
  for (int i = 0; i < 2900; ++i) {
    world.loop.advance(Millis{1});
    endpoint.turn_away();
  }
  CHECK_FALSE(held.reply);
  CHECK(endpoint.connects.size() <= 8);
  CHECK(endpoint.connects.size() >= 5);
  world.loop.advance(Millis{200});
  REQUIRE(held.reply);
  CHECK(held.reply->error().reason == Reason::reset);
  CHECK(held.reply->error().unsent);
}

TEST_CASE("outage: `hold: 0s` fails at once") {
  VirtualWorld world("{ endpoints: [\"10.0.0.1:80\"], pool: { hold: 0s } }");
  world.at("10.0.0.1:80").state = State::refuses;
  const Going& first = world.send();
  world.loop.advance(Millis{5});
  REQUIRE(first.reply);
  CHECK(!first.reply->error().untried);
}

TEST_CASE("outage: nobody is held while another endpoint can be connected to") {
  VirtualWorld world(two);
  world.at("10.0.0.1:80").state = State::refuses;
  for (int i = 0; i < 40; ++i) {
    const Going& each = world.send();
    world.loop.advance(Millis{5});
    CHECK(each.is_over);
  }
  CHECK(world.at("10.0.0.2:80").requests == 40);
  CHECK(world.at("10.0.0.1:80").connects.size() >= 1);
  world.at("10.0.0.1:80").start();
  world.loop.advance(seconds{1});
  for (int i = 0; i < 40; ++i) {
    world.send();
    world.loop.advance(Millis{5});
  }
  CHECK(world.at("10.0.0.1:80").requests > 5);
}

TEST_CASE("outage: of two endpoints that are away the first to come back is taken") {
  VirtualWorld world(two);
  world.at("10.0.0.1:80").state = State::refuses;
  world.at("10.0.0.2:80").state = State::refuses;
  for (int i = 0; i < 10; ++i) world.send();
  world.loop.advance(seconds{1});
  CHECK(world.seen().held == 10);
  world.at("10.0.0.2:80").start();
  world.loop.advance(seconds{1});
  CHECK(world.errors_since(0) == 0);
  CHECK(world.at("10.0.0.2:80").requests == 10);
}

TEST_CASE("outage: what is held goes to the endpoints that are published meanwhile") {
  VirtualWorld world(one);
  world.at("10.0.0.1:80").state = State::refuses;
  const Going& each = world.send();
  world.loop.advance(Millis{500});
  CHECK(!each.reply);
  world.clusters->at("c").publish({{{*base::Address::parse("10.0.0.2:80")}}});
  world.loop.advance(Millis{5});
  CHECK(each.is_over);
  const std::size_t tried = world.at("10.0.0.1:80").connects.size();
  world.loop.advance(seconds{5});
  CHECK(world.at("10.0.0.1:80").connects.size() <= tried + 1);
}

TEST_CASE("outage: a client that leaves is held no longer") {
  VirtualWorld world(one);
  world.at("10.0.0.1:80").state = State::refuses;
  Going& each = world.send();
  world.loop.advance(Millis{100});
  CHECK(world.seen().held == 1);
  each.child.cancel();
  world.loop.settle();
  CHECK(world.seen().held == 0);
  world.at("10.0.0.1:80").start();
  world.loop.advance(seconds{1});
  CHECK(world.at("10.0.0.1:80").requests == 0);
}

TEST_CASE("outage: no more are held than may wait") {
  VirtualWorld world("{ endpoints: [\"10.0.0.1:80\"], pool: { pending: 2 } }");
  world.at("10.0.0.1:80").state = State::refuses;
  for (int i = 0; i < 3; ++i) world.send();
  world.loop.advance(Millis{10});
  CHECK(world.seen().held == 2);
}

TEST_CASE("outage: a certificate that is not trusted is neither held nor tried again") {
  VirtualWorld world(guarded);
  world.at("10.0.0.1:80").state = State::is_untrusted;
  const Going& each = world.send();
  world.loop.advance(Millis{5});
  REQUIRE(each.reply);
  CHECK(each.reply->error().reason == Reason::tls_failure);
  world.loop.advance(seconds{5});
  CHECK(world.at("10.0.0.1:80").connects.size() == 1);
  SUBCASE("and is asked for again when somebody wants it") {
    world.at("10.0.0.1:80").start();
    const Going& next = world.send();
    world.loop.advance(Millis{5});
    CHECK(next.is_over);
  }
}

TEST_CASE("outage: with silence for a refusal connect_timeout is part of what is held") {
  VirtualWorld world(one);
  world.at("10.0.0.1:80").state = State::is_silent;
  const Going& each = world.send();
  world.loop.advance(Millis{2990});
  CHECK(!each.reply);
  world.loop.advance(Millis{20});
  REQUIRE(each.reply);
  CHECK(each.reply->error().reason == Reason::connect_timeout);
  const Going& next = world.send();
  CHECK(next.reply);
}

TEST_CASE("pool: a thousand at once are served, and the 65th that is held open does not wait") {
  VirtualWorld world(one);
  world.at("10.0.0.1:80").answer_time = seconds{50};
  for (int i = 0; i < 1000; ++i) world.send();
  world.loop.advance(Millis{100});
  CHECK(world.at("10.0.0.1:80").requests == 1000);
  world.loop.advance(seconds{51});
  CHECK(world.errors_since(0) == 0);
}

}  // namespace
