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
