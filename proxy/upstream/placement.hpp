// Where one attempt goes: the endpoint that was picked for it, and a stream there. While no
// endpoint of the cluster can be connected to, the attempt is held here, nothing of it being sent;
// while another one can, it goes there. Its endpoint stays for as long as it is looked at, even if
// its address vanishes meanwhile. Owned by Forward, for one exchange; the worker's thread.
//
// It writes, of the attempt, where it goes, each time that an endpoint is picked.
#pragma once

#include "proxy/base/counted.hpp"
#include "proxy/http/attempt.hpp"
#include "proxy/http/message.hpp"
#include "proxy/upstream/cluster.hpp"

namespace upstream {

class Placement {
 public:
  Placement(Cluster& cluster, http::Request& request)
      : cluster_(cluster),
        attempt_(request.attempt),
        info_(request.info),
        deadline_(request.scope.deadline) {
    if (const Affinity* affinity = cluster.affinity()) hash_ = affinity->hash_of(request);
  }
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  base::Task<base::Result<Opened>> open(Want want);
  // An endpoint, for what needs no connection.
  base::Task<base::Result<base::Ref<Endpoint>>> choose();
  const Endpoint& endpoint() const { return *endpoint_; }  // after an open() that went well
  // What became of the attempt that had a stream; told by a proxy behind, why.
  void ended(base::Reason told_by_proxy);
  // The same of one that goes on behind its head: to be held by its scope, whose end tells.
  std::unique_ptr<http::Guard> at_the_end() const;
  // Adds the cookie that brings the client here again, if it has none.
  void pin(http::Response& response, const http::StreamInfo& info);

 private:
  base::Result<Endpoint*> pick();
  Pool* pool() const;
  base::Duration time_to_head() const;
  base::Task<base::Result<Opened>> ask(Want want);
  base::Task<base::Result<Opened>> open_when_known(Want want);
  base::Task<base::Result<Opened>> search(Want want, base::Task<base::Result<Opened>> first);
  // Until an endpoint can be connected to; false: none could until then.
  base::Task<bool> held(base::Time until);

  Cluster& cluster_;
  http::Attempt& attempt_;
  const http::StreamInfo& info_;
  const base::Time deadline_;
  std::optional<std::uint64_t> hash_;
  base::Ref<Endpoint> endpoint_;
};

}  // namespace upstream
