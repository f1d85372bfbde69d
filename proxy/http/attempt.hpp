// One try of an exchange upstream: where it went, on which connection, when what happened, how it
// went up to the response's head. Written by the end of the chain, read by retries, the balancer,
// the log and the metrics. The exchange has one of its own, which is its only one unless somebody
// begins others (see Try); then it shows the one that was answered with, or else the last. One
// thread.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/base/shared_text.hpp"
#include "proxy/base/time.hpp"
#include "proxy/http/endpoint_gate.hpp"
#include "proxy/http/scope.hpp"

#include <cstdint>
#include <string_view>

namespace http {

struct StreamInfo;
struct Attempt;

// Told of attempts; lives as long as its exchanges.
class AttemptObserver {
 public:
  virtual void ended(const Attempt& attempt) noexcept = 0;

 protected:
  ~AttemptObserver() = default;
};

// Of bodies, as a connection carried them.
struct BodyBytes {
  std::uint64_t sent = 0, received = 0;
};

struct Attempt {
  // Identities of endpoints are opaque.
  const void* avoid = nullptr;    // in, for the balancer: prefer another one than this
  EndpointGate* gate = nullptr;   // likewise: the innermost that it asks; null = none
  const void* chosen = nullptr;   // the endpoint that it went to
  bool has_alternatives = false;  // there was another healthy one
  AttemptObserver* observer = nullptr;

  bool is_hedge = false;          // it was begun beside another, not after it
  std::uint64_t span = 0;         // of a sampled trace
  std::uint64_t parent = 0;       // the span that this one is within

  int number = 0;                 // of the exchange's attempts, from 1; 0 = none was made
  std::string_view cluster;       // it is one of that's
  std::string_view scheme;        // static
  base::SharedText endpoint;      // as in logs; the endpoint itself may be gone
  BodyBytes bytes;
  bool was_reused = false;        // its connection had served before
  base::Duration queue_time{};    // waited for a connection, beyond
  base::Duration held_time{};     // of that, because no endpoint could be connected to
  base::Duration connect_time{};  // what making it took
  base::Duration tls_time{};      // of that, its handshake
  base::Duration connection_age{};
  std::uint64_t exchange_on_it = 0;  // of the connection's exchanges, from 1

  // As they became known; `never` = not yet.
  base::Time begun = base::never;
  base::Time queued = base::never;      // began to wait for a connection
  base::Time connected = base::never;   // had one
  base::Time sent = base::never;        // the request's head
  base::Time first_byte = base::never;  // the response's head has come
  base::Time ended = base::never;       // `never` = with the exchange

  // Of what ended it before an answer came; a static text, and the system's or library's words.
  std::string_view detail;
  boost::system::error_code cause{};

  Outcome outcome;   // up to the response's head
  Outcome previous;  // of the attempt that this one follows; nothing = it is the first
};

// An attempt beside others of its exchange, in a scope of its own. Owned by who began it, then by
// the body of its response (see ending_with_body). When it ends the exchange keeps what it was,
// unless that is known of a later one; of the one that is answered with always.
class Try final : public base::Pooled {
 public:
  Try(StreamInfo& info, const Scope& around);
  Try(const Try&) = delete;
  Try& operator=(const Try&) = delete;
  ~Try();

  void is_answered_with() { is_answer_ = true; }

  Scope scope;
  Attempt attempt;

 private:
  StreamInfo& info_;
  bool is_answer_ = false;
};

}  // namespace http
