// The end of every chain: sends the request to an endpoint of its cluster and returns what came
// back, the response's body being the upstream stream itself. Once, and outside every retry's
// count, it repeats on a fresh connection what the first one did not take. Owned by Clusters; the
// worker's thread.
//
// It writes the request's Attempt and counts it, and sets the cluster of the stream info. The host
// sent upstream is the route's (info.rewritten_host), else by the cluster's `host`; the request
// itself keeps what the client sent. It takes the request's body when it has a connection, not
// before. Of a gRPC call that ended without a message the reply knows the status, also if it stands
// in trailers.
#pragma once

#include "proxy/base/shared_text.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/upstream/cluster.hpp"

#include <memory>
#include <string_view>

namespace upstream {

class Forward final : public http::Handler {
 public:
  explicit Forward(Cluster& cluster);

  http::Task<http::Reply> handle(http::Request& request) override;

 private:
  http::Task<http::Reply> forward(http::Request& request);
  http::Task<http::Reply> upgrade(http::Request& request);
  http::Task<http::Reply> connect(http::Request& request);
  http::Task<http::Reply> relay_datagrams(http::Request& request);
  http::Task<http::Reply> answer_of(std::unique_ptr<http::ClientStream> stream,
                                    http::Request& request);
  http::Result<void> send_head(http::ClientStream& stream, http::Request& request,
                               const Endpoint& endpoint, bool ends);
  base::SharedText host_for(const http::Request& request, const Endpoint& endpoint);
  base::SharedText kept(std::string_view host);

  Cluster& cluster_;
  const std::string_view scheme_;
  const bool takes_datagrams_;
  base::SharedText host_;  // the last that was sent instead of a client's
};

}  // namespace upstream
