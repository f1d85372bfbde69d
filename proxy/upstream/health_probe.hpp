// One question whether an endpoint is well, on a connection of its own. Control's thread.
#pragma once

#include "certs/store.hpp"
#include "config/model.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task.hpp"

#include <memory>
#include <string>

namespace upstream {

struct HealthProbe {
  config::Health health;
  config::HttpVersion protocol = config::HttpVersion::automatic;
  config::ProxyProtocol proxy_protocol = config::ProxyProtocol::none;
  std::string authority;  // the host that is asked for
  base::Address address;
  std::shared_ptr<const certs::TlsContext> tls;  // null = clear
};

// "" or, within its timeout, in words why it is not well. The probe outlives the task.
base::Task<std::string> ask_health(base::EventLoop& loop, const HealthProbe& probe);

}  // namespace upstream
