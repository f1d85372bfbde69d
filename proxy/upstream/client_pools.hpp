// The pools of one endpoint of a cluster with `proxy_protocol`: a connection says whose it is, so
// each client has a pool of its own, and no other client's request goes over its connections. A
// client is what the PROXY header says of it: address and port, and the address that it connected
// to. Owned by an Endpoint; the worker's thread.
#pragma once

#include "config/model.hpp"
#include "proxy/http/stream_info.hpp"
#include "proxy/upstream/pool.hpp"

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

namespace upstream {

// What is said of the client of an exchange, as far as it is believed.
std::string client_header(config::ProxyProtocol version, const http::StreamInfo& info);

class ClientPools {
 public:
  using Make = std::function<std::unique_ptr<Pool>(std::string header)>;

  // most: clients that have connections, at a time. The owner of all of them outlives them.
  ClientPools(Make make, Pool::Owner& owner, std::size_t most)
      : make_(std::move(make)), owner_(owner), most_(most) {}

  // The client's; null = there are too many.
  Pool* of(const std::string& header);

  const Outage* outage() const;  // of any of them
  void retire();
  bool is_empty() const;
  PoolSnapshot snapshot() const;  // the sum

 private:
  void sweep();

  const Make make_;
  Pool::Owner& owner_;
  const std::size_t most_;
  std::unordered_map<std::string, std::unique_ptr<Pool>> pools_;
  std::size_t next_sweep_ = 16;  // when there are so many
  PoolCounts gone_;              // what those have counted that were forgotten
};

}  // namespace upstream
