// TLS handshakes with clients that failed: counted by reason, and told in the log, a bounded number
// of lines a second and then how many more there were. One a listener and worker; its thread.
#pragma once

#include "proxy/base/log.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/net/tls_accept.hpp"
#include "proxy/stats/registry.hpp"

#include <array>
#include <string>

namespace server {

class HandshakeFailures final : base::Timer {
 public:
  static constexpr int most_lines = 5;  // a second

  // The log and the registry outlive it.
  HandshakeFailures(base::Loop& loop, std::string listener, base::Log& log,
                    stats::Registry& metrics, std::size_t shard);

  void add(const net::FailedHandshake& failed, const base::Address& source);

 private:
  void expired() override;

  base::Loop& loop_;
  const std::string listener_;
  base::Log& log_;
  std::array<stats::Counter*, net::tls_failure_count> counters_;
  const std::size_t shard_;
  int told_ = 0;  // in this second
  std::uint64_t untold_ = 0;
};

}  // namespace server
