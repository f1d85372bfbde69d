// Clients who came to nothing before their first request, by a TLS handshake, a PROXY header or want of
// a session: counted by reason, and told in the log, a bounded number of lines a second and then how
// many more there were. One a listener and worker, whatever a reload does; its thread.
#pragma once

#include "proxy/base/log.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/net/tls_accept.hpp"
#include "proxy/stats/registry.hpp"

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace server {

class LostClients final : base::Timer {
 public:
  static constexpr std::uint64_t most_lines = 5;  // a second

  // The log and the registry outlive it.
  LostClients(base::Loop& loop, std::string listener, base::Log& log, stats::Registry& metrics,
              std::size_t shard);
  LostClients(const LostClients&) = delete;
  LostClients& operator=(const LostClients&) = delete;
  ~LostClients() { expired(); }

  void add(const net::FailedHandshake& failed, const base::Address& source);
  // A PROXY header that did not come, or was none.
  void add(const base::Error& failed, const base::Address& source);
  // There is no room for another; counted by who refuses it. taken: all that there may be; 0 = it is a bound
  // of `limits`. Each client is told once a second.
  void refused_session(const base::Address& source, std::uint64_t taken);

 private:
  void expired() override;
  bool may_tell(std::uint64_t& untold);
  void tell(const std::string& what);

  base::Loop& loop_;
  const std::string listener_;
  base::Log& log_;
  std::array<stats::Counter*, net::tls_failure_count> counters_;
  stats::Counter& proxy_headers_;
  const std::size_t shard_;
  std::uint64_t told_ = 0;  // in this second
  std::uint64_t untold_ = 0;
  std::uint64_t untold_datagrams_ = 0;  // of clients without a session
  std::vector<base::Address> without_session_;  // that were told
};

// Those of all listeners of one worker, by name; each lives as long as a generation has it.
class AllLostClients {
 public:
  AllLostClients(base::Loop& loop, base::Log& log, stats::Registry& metrics, std::size_t shard)
      : loop_(loop), log_(log), metrics_(metrics), shard_(shard) {}

  std::shared_ptr<LostClients> of(const std::string& listener);

 private:
  base::Loop& loop_;
  base::Log& log_;
  stats::Registry& metrics_;
  const std::size_t shard_;
  std::map<std::string, std::weak_ptr<LostClients>> by_name_;
};

}  // namespace server
