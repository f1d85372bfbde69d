// What is known about one exchange: where it came from, where it goes, when what happened. Filters
// read it, the access log and the metrics are written from it; what belongs to one try upstream is
// in its Attempt. Owned by the exchange; its thread.
#pragma once

#include "proxy/base/address.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/base/shared_text.hpp"
#include "proxy/http/attempt.hpp"
#include "proxy/http/headers.hpp"
#include "proxy/http/trace_context.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

// The connection that a request came by; outlives its exchanges.
struct ConnectionInfo {
  base::Address remote;
  bool is_tls = false;
  std::string peer_id;                           // from a verified client certificate; "" = none
  std::string_view protocol;                     // "http1", "h2", "tcp" or "udp"
  std::shared_ptr<const base::Address> local{};  // our end, where an upstream is told; else null
};

// How far the body of the request has come, as it is read from the client.
class ClientBody {
 public:
  // To be told once of its end; takes itself out of the list when it dies.
  class Observer : public base::Link {
   public:
    virtual void request_has_ended() = 0;

   protected:
    ~Observer() = default;
  };
  void tell(Observer& observer) { observers_.push_back(observer); }

  base::Time ended() const { return ended_; }  // `never` = not yet
  void end(base::Time now) {
    ended_ = now;
    while (Observer* observer = observers_.pop_front()) observer->request_has_ended();
  }

  bool is_awaited = false;  // a read of it is pending: the silent side is the client

 private:
  base::Time ended_ = base::never;
  base::List<Observer> observers_;
};

// Whether a copy of the request goes to another cluster: drawn once, sent once, whatever the number
// of attempts.
enum class Mirrored : std::uint8_t { not_drawn, not_meant, meant, done };

// The trace that an exchange is a part of.
struct Trace {
  TraceId id;                // none: it is not known
  std::uint64_t parent = 0;  // the client's span; 0 = it began here
  std::uint64_t span = 0;    // the exchange's own; unless it is sampled, what stands for it
  std::uint8_t flags = 0;    // as they are handed on
  bool is_told_by_b3 = false;  // too, where it came so

  bool is_sampled() const { return (flags & trace_is_sampled) != 0; }
};

// What a `fallback` answered instead of, or tried to.
struct FellBack {
  std::string_view by;       // "respond", "stale", "to": its own way; "" = none did
  std::string_view cluster;  // that was to answer
  base::Reason reason = base::Reason::none;
  int status = 0;  // 0 = there was no answer
  bool has_failed = false;  // it, too
};

struct StreamInfo {
  StreamInfo(base::Loop& on, const ConnectionInfo& by)
      : loop(on), connection(by), started(on.now()), last_byte(on.now()) {}

  // For an exchange that is made for the sake of another: whatever that says of where it came from
  // and which way it goes.
  void take_after(const StreamInfo& like);

  base::Time now() const { return loop.now(); }
  // The client as far as it is believed.
  const base::Address& source() const { return forwarded_for ? *forwarded_for : connection.remote; }
  // Made when first asked for (UUIDv7), unless the client's was kept.
  const std::string& request_id();
  // One that does not count (any more); so many are kept.
  static constexpr std::size_t most_other_attempts = 15;
  void keep(Attempt&& other) {
    if (other_attempts.size() < most_other_attempts) other_attempts.push_back(std::move(other));
  }
  // The same, for whoever asks last: what is made stands in `made` and is not kept.
  using MadeId = std::array<char, 36>;
  std::string_view last_request_id(MadeId& made) const;

  base::Loop& loop;
  const ConnectionInfo& connection;

  std::string_view service = "outrider";  // of this process, as the configuration names it
  std::string_view listener;
  std::string_view pseudonym;                  // of the listener, in `via`
  bool is_outbound = false;                    // the client is the owner's own app
  bool is_trusted = false;                     // the peer may say who it forwards for
  std::optional<base::Address> forwarded_for;  // the client, as a trusted peer says
  std::string_view route;                      // "" until one matched
  std::string_view cluster;                    // "" until one was chosen
  base::SharedText client_path;         // what the client sent, if the path was changed; else ""
  std::string_view rewritten_host;      // by the route; wins over the cluster's `host`; "" = not
  Attempt attempt;                      // the only one, or the one that counts
  std::vector<Attempt> other_attempts;  // the others, as far as they are kept
  int attempts = 0;                     // how many were begun
  bool may_have_arrived = false;        // at an upstream, by one of them
  Mirrored mirrored = Mirrored::not_drawn;
  Headers throttle_fields;              // what the last throttle that refused it tells the client
  std::string_view retry_denied;        // what said no to another that was due; "" = nothing
  FellBack fell_back;
  std::string_view request_id_field;    // by which the id is known outside; "" = by none
  std::string kept_request_id;          // see request_id()
  Trace trace;
  std::string operation;                // what a GraphQL client calls what it asks for; "" = unknown
  bool is_grpc = false;                 // by the request's content-type

  // As they became known; `never` = not yet.
  base::Time started;
  base::Time first_byte = base::never;  // the head of the response that the client gets
  base::Time last_byte;                 // some byte of a body moved, either way
  ClientBody client_body;

  // How long no byte of a body may move while the client takes nothing; 0 = any time. Told by what
  // bounds the response.
  base::Millis idle{0};

  base::Time client_deadline = base::never;  // by grpc-timeout and x-request-timeout
  // The client enforces that itself: the exchange is ended a little later, so that it never wins
  // the race with a worse error.
  base::Time end_by() const {
    constexpr base::Millis grace{100};
    return client_deadline == base::never ? base::never : client_deadline + grace;
  }

  std::uint64_t bytes_in = 0;   // of the request's body
  std::uint64_t bytes_out = 0;  // of the response's body
  int status = 0;
  int grpc_status = -1;
  base::Reason reason = base::Reason::none;
  // Of the failure, if the proxy answered: a static text, and the system's or library's words.
  std::string_view detail;
  boost::system::error_code cause{};
};

}  // namespace http
