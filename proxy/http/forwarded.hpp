// Who a request is from, when proxies stand before us: x-forwarded-* and forwarded (RFC 7239) are
// believed from trusted peers only and removed from others; ours are added. One thread.
#pragma once

#include <vector>

#include "proxy/base/address.hpp"
#include "proxy/http/message.hpp"

namespace http {

struct ForwardedPolicy {
  std::vector<base::AddressRange> trust;
  std::size_t hops = 1;  // the client is so many addresses from the right, over all lines
  bool sends_x_forwarded = false;
  bool sends_forwarded = false;
};

// Before any filter. Sets info.forwarded_for and info.is_trusted.
void apply_forwarded(const ForwardedPolicy& policy, RequestHead& head, StreamInfo& info);

}  // namespace http
