#include "proxy/net/connection_limits.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace {

using Place = net::ConnectionLimits::Place;

const auto far = *base::Address::parse("192.0.2.1:1000");
const auto same = *base::Address::parse("192.0.2.1:2000");
const auto other = *base::Address::parse("192.0.2.2:1");
const auto near = *base::Address::parse("127.0.0.1:1000");
const auto local = *base::Address::parse("unix:/tmp/a");

TEST_CASE("connection limits: bound connections in all and from one source, loopback apart") {
  net::ConnectionLimits limits(5, 2);
  std::vector<Place> held;
  const auto is_admitted = [&](const base::Address& source) {
    held.push_back(limits.admit(source));
    return static_cast<bool>(held.back());
  };
  CHECK(is_admitted(far));
  CHECK(is_admitted(same));
  CHECK_FALSE(is_admitted(far));
  CHECK(limits.taken() == 2);
  CHECK_FALSE(limits.is_full());
  CHECK(is_admitted(near));
  CHECK(is_admitted(near));
  CHECK(is_admitted(local));
  CHECK_FALSE(is_admitted(near));
  CHECK(limits.is_full());
  held.front() = Place();
  CHECK(is_admitted(same));
  CHECK_FALSE(is_admitted(other));
  held.clear();
  CHECK(limits.taken() == 0);
}

TEST_CASE("connection limits: a place is given back once, by whoever has it last") {
  net::ConnectionLimits limits(2, 1);
  Place first = limits.admit(far);
  CHECK(first.is_from(same));
  CHECK_FALSE(first.is_from(other));
  Place second = std::move(first);
  CHECK(limits.taken() == 1);
  CHECK_FALSE(limits.admit(same));
  second = limits.admit(other);
  CHECK(limits.taken() == 1);
  CHECK(limits.admit(same));
  second = Place();
  CHECK(limits.taken() == 0);
}

}  // namespace
