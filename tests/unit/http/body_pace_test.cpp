#include "proxy/http/body_pace.hpp"

#include <doctest/doctest.h>

namespace {

using http::BodyPace;
using std::chrono::seconds;

TEST_CASE("http body pace: half a minute of waiting is free, then 500 bytes a second are due") {
  BodyPace silent;
  silent.waited(seconds(30));
  CHECK(!silent.is_too_slow());
  silent.waited(base::Millis{1});
  CHECK(silent.is_too_slow());

  BodyPace slow;
  slow.received(500 * 40);
  slow.waited(seconds(40));
  CHECK(!slow.is_too_slow());
  slow.waited(seconds(1));
  CHECK(slow.is_too_slow());
  slow.received(500);
  CHECK(!slow.is_too_slow());
}

}  // namespace
