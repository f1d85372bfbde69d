// Which family of a name's addresses can be connected to sooner (RFC 8305 5): IPv6 begins, IPv4
// follows when that has failed, or a quarter of a second later. The connections are closed again.
// The loop's thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task.hpp"

#include <optional>

namespace net {

enum class IpVersion : std::uint8_t { ipv4, ipv6 };

// None: neither can be, by `until`. Destroying the task gives it up.
base::Task<std::optional<IpVersion>> race_families(base::EventLoop& loop, base::Address ipv6,
                                                   base::Address ipv4, base::Time until);

}  // namespace net
