#include "proxy/server/admission.hpp"

#include <doctest/doctest.h>

TEST_CASE("admission: bounds connections in all and from one source, loopback apart") {
  server::Admission admission(4, 2, 1000);
  const auto far = *base::Address::parse("192.0.2.1:1000");
  const auto same = *base::Address::parse("192.0.2.1:2000");
  const auto near = *base::Address::parse("127.0.0.1:1000");
  CHECK(admission.admit(far));
  CHECK(admission.admit(same));
  CHECK_FALSE(admission.admit(far));
  CHECK(admission.connections() == 2);
  CHECK(admission.admit(near));
  CHECK(admission.admit(near));
  CHECK_FALSE(admission.admit(near));
  admission.closed(far);
  CHECK(admission.admit(same));
  CHECK_FALSE(admission.admit(*base::Address::parse("192.0.2.2:1")));
}

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
