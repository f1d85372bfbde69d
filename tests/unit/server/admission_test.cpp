#include "proxy/server/admission.hpp"

#include <doctest/doctest.h>

TEST_CASE("admission: sheds at 95 % of memory and stops accepting at 98 %") {
  server::Admission admission(4, 2, 1000);
  admission.memory_in_use(950);
  CHECK_FALSE(admission.is_shedding());
  admission.memory_in_use(951);
  CHECK(admission.is_shedding());
  CHECK_FALSE(admission.must_not_accept());
  admission.memory_in_use(981);
  CHECK(admission.must_not_accept());
  admission.memory_in_use(0);
  CHECK_FALSE(admission.is_shedding());
}

TEST_CASE("admission: who looks on may doze while nobody is connected, and is woken once") {
  server::Admission admission(4, 2, 1000);
  int wakes = 0;
  admission.wake_when_busy([&wakes] { ++wakes; });
  const base::Address source = *base::Address::parse("192.0.2.7:1");
  {
    const net::ConnectionLimits::Place place = admission.limits().admit(source);
    admission.has_admitted();
    CHECK_FALSE(admission.doze());
    CHECK(wakes == 0);
  }
  CHECK(admission.doze());
  const net::ConnectionLimits::Place first = admission.limits().admit(source);
  admission.has_admitted();
  const net::ConnectionLimits::Place second = admission.limits().admit(source);
  admission.has_admitted();
  CHECK(wakes == 1);
}
