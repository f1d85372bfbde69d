#include "proxy/process/losses.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace {

using std::chrono::seconds;

struct Told {
  std::vector<std::string> lines;
  process::Losses::Say say = [this](const std::string& why, std::uint64_t count) {
    lines.push_back(why + ": " + std::to_string(count));
  };
  std::vector<std::string> take() { return std::exchange(lines, {}); }
};
using Lines = std::vector<std::string>;

TEST_CASE("losses: the first of each cause is told at once, the others once a minute") {
  process::Losses losses;
  Told told;
  const base::Time now{seconds(1000)};
  losses.tell(now, told.say);
  CHECK(told.take().empty());
  losses.add(0, "refused");
  losses.tell(now, told.say);
  CHECK(told.take() == Lines{"refused: 0"});
  losses.add(3, "refused");
  losses.add(2, "too slow");
  losses.tell(now + seconds(1), told.say);
  CHECK(told.take() == Lines{"too slow: 2"});
  losses.add(4, "refused");
  losses.tell(now + seconds(60), told.say);
  CHECK(told.take() == Lines{"refused: 7"});
  losses.tell(now + seconds(600), told.say);
  CHECK(told.take().empty());
}

TEST_CASE("losses: at the end the rest is told, and causes are bounded") {
  process::Losses losses;
  Told told;
  const base::Time now{seconds(1000)};
  for (int i = 0; i < 20; ++i) losses.add(1, "cause " + std::to_string(i));
  losses.tell(now, told.say);
  CHECK(told.take().size() == 8);
  losses.add(1, "cause 0");
  losses.tell_rest(told.say);
  CHECK(told.take() == Lines{"cause 0: 1"});
  losses.tell_rest(told.say);
  CHECK(told.take().empty());
}

}  // namespace
