#include "proxy/base/descriptor.hpp"

#include <cerrno>

namespace base {

void Descriptor::reset(int number) {
  const int before = std::exchange(number_, number);
  if (before < 0) return;
  const int problem = errno;
  ::close(before);
  errno = problem;
}

}  // namespace base
