// What happens to one endpoint when events of one kind overlap.
#include "proxy/simulate/origin.hpp"

#include <doctest/doctest.h>

#include <deque>

namespace {

using base::Millis;
using base::Time;
using simulate::Happening;
using simulate::Origin;
using simulate::Trouble;

const Time start = Time{} + std::chrono::hours{1};

Time at(int millis) {
  return start + Millis{millis};
}

simulate::ServiceRules steady() {
  simulate::ServiceRules rules;
  rules.time = Millis{10};
  rules.spread = simulate::Spread::fixed;
  return rules;
}

struct Endpoint final : simulate::OriginObserver {
  void arrived(const Origin&) override {}
  Happening& expect(Trouble what, int from, int until) {
    Happening& event = events.emplace_back();
    event.what = what;
    event.at = Millis{from};
    event.length = Millis{until - from};
    return event;
  }
  Origin& begin() {
    for (const Happening& event : events) origin.expect(event, start);
    return origin;
  }

  const simulate::ServiceRules rules = steady();
  std::deque<Happening> events;
  Origin origin{"app", 1, rules, 1, *this};
};

TEST_CASE("an endpoint: a short event does not end a long one of its kind around it") {
  Endpoint endpoint;
  SUBCASE("slow: what began last goes before") {
    endpoint.expect(Trouble::slow, 1'000, 9'000).factor = 10;
    endpoint.expect(Trouble::slow, 3'000, 4'000).factor = 2;
    Origin& origin = endpoint.begin();
    CHECK(origin.take(at(3'500)).at == at(3'520));
    CHECK(origin.take(at(5'000)).at == at(5'100));
    CHECK(origin.take(at(9'000)).at == at(9'010));
  }
  SUBCASE("away") {
    endpoint.expect(Trouble::away, 3'000, 4'000);
    endpoint.expect(Trouble::away, 1'000, 9'000);
    Origin& origin = endpoint.begin();
    CHECK(origin.refuses(at(5'000)));
    CHECK_FALSE(origin.refuses(at(9'000)));
  }
  SUBCASE("silent: until the last of them is over") {
    endpoint.expect(Trouble::silent, 1'000, 5'000);
    endpoint.expect(Trouble::silent, 2'000, 3'000);
    endpoint.expect(Trouble::silent, 4'000, 9'000);
    CHECK(endpoint.begin().silent_until(at(2'500)) == at(9'000));
  }
  SUBCASE("pause: what overlaps stands still once") {
    endpoint.expect(Trouble::pause, 1'000, 3'000);
    endpoint.expect(Trouble::pause, 2'000, 4'000);
    endpoint.expect(Trouble::pause, 2'500, 2'600);
    CHECK(endpoint.begin().take(at(995)).at == at(4'005));
  }
}

}  // namespace
