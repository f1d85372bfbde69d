#include "proxy/base/descriptor.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <fcntl.h>

namespace {

bool is_open(int number) {
  return ::fcntl(number, F_GETFD) >= 0;
}

base::Descriptor opened() {
  return base::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC));
}

TEST_CASE("descriptor: is closed with its owner, once") {
  int number = -1;
  {
    const base::Descriptor owner = opened();
    number = owner.number();
    CHECK(is_open(number));
  }
  CHECK(!is_open(number));
  CHECK(!base::Descriptor());
  CHECK(!base::Descriptor(-1));
}

TEST_CASE("descriptor: who gives it away does not close it") {
  base::Descriptor first = opened();
  const int number = first.number();
  base::Descriptor second = std::move(first);
  CHECK(!first);
  CHECK(second.number() == number);
  base::Descriptor third = opened();
  const int closed = third.number();
  third = std::move(second);
  CHECK(!is_open(closed));
  CHECK(third.number() == number);
  CHECK(third.release() == number);
  CHECK(!third);
  CHECK(is_open(number));
  base::Descriptor last(number);
  errno = ENOENT;
  last.reset();
  CHECK(errno == ENOENT);
  CHECK(!is_open(number));
}

}  // namespace
