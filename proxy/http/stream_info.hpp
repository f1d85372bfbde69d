// What is known about one exchange: where it came from, where it goes, when what happened. Filters
// read it, the access log and the metrics are written from it. Owned by the exchange; its thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/address.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/loop.hpp"

namespace http {

// The connection that a request came by; outlives its exchanges.
struct ConnectionInfo {
  base::Address remote;
  base::Address local;
  bool is_tls = false;
  std::string peer_id;            // from a verified client certificate; "" = none
  std::string_view protocol;      // "http1" or "h2"
};

struct StreamInfo {
  StreamInfo(base::Loop& on, const ConnectionInfo& by)
      : loop(on), connection(by), started(on.now()), last_byte(on.now()) {}

  base::Time now() const { return loop.now(); }
  // Made when first asked for (UUIDv7), unless the client's was kept.
  const std::string& request_id();

  base::Loop& loop;
  const ConnectionInfo& connection;

  std::string_view service = "outrider";  // of this process, as the configuration names it
  std::string_view listener;
  bool is_outbound = false;       // the client is the owner's own app
  bool is_trusted = false;        // the peer may say who it forwards for
  base::Address source;           // the client as far as it is believed
  std::string_view route;         // "" until one matched
  std::string_view cluster;       // "" until one was chosen
  std::string client_path;        // what the client sent, if the path was changed; else ""
  std::string_view rewritten_host;  // by the route; wins over the cluster's `host`; "" = not
  std::string endpoint;           // of the last attempt
  bool was_reused = false;        // its connection had served before
  int attempts = 0;
  std::string_view last_outcome;  // of the last attempt: a reason, or "5xx"; "" = none has ended
  std::string kept_request_id;    // see request_id()
  bool is_grpc = false;           // by the request's content-type
  bool is_stream = false;         // see config: no total timeout from here on

  // As they became known; `never` = not yet.
  base::Time started;
  base::Time queued = base::never;         // began to wait for a connection
  base::Time connected = base::never;      // had one
  base::Time request_sent = base::never;   // the request's body has ended, as read from the client
  base::Time first_byte = base::never;     // the response's head has come
  base::Time last_byte;                    // some byte of a body moved, either way
  base::Duration queue_time{};
  base::Duration connect_time{};

  // The exchange, or below a retry the attempt, must be over by then: the least of what the client
  // said and, unless it is a stream, of all `total`s that stand above.
  base::Time deadline = base::never;
  base::Time client_deadline = base::never;  // by grpc-timeout and x-request-timeout
  // While a filter whose time is up destroys what stands below it: why. Otherwise none.
  base::Reason ended_by = base::Reason::none;
  bool waits_for_client = false;  // a read of the request's body is pending

  std::uint64_t bytes_in = 0;   // of the request's body
  std::uint64_t bytes_out = 0;  // of the response's body
  int status = 0;
  int grpc_status = -1;
  base::Reason reason = base::Reason::none;
};

}  // namespace http
