#include "proxy/base/descriptor.hpp"

#include <cerrno>
#include <fcntl.h>

namespace base {

void Descriptor::reset(int number) {
  const int before = std::exchange(number_, number);
  if (before < 0) return;
  const int problem = errno;
  ::close(before);
  errno = problem;
}

Descriptor duplicate_of(const Descriptor& descriptor) {
  return Descriptor(::fcntl(descriptor.number(), F_DUPFD_CLOEXEC, 0));
}

}  // namespace base
