// Waiting until the kernel has taken what was sent. The loop's thread.
#pragma once

#include "proxy/net/transport.hpp"

namespace net {

// Suspends until at most `most` is unsent. The error is what `failure` makes of the cause, if output
// has failed.
template <typename Failure>
Task<Result<void>> taken(Transport& transport, std::size_t most, Failure failure) {
  co_await transport.drained(most);
  if (transport.write_error()) co_return failure(transport.write_error());
  co_return Result<void>();
}

}  // namespace net
