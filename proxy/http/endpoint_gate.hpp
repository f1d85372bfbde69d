// What the balancer asks before an attempt goes to an endpoint: the seam for policies that know each
// endpoint for itself, such as a breaker's `scope: endpoint`. A filter makes one for each attempt
// that passes it, on its own frame around `next`: so it is asked by nobody after that, and what
// became of the attempt the filter sees by the reply. Endpoints are known by their address as text;
// what is remembered of them is the filter's and all workers'. One thread.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"
#include "proxy/http/scope.hpp"

#include <string_view>

namespace http {

struct Attempt;

class EndpointGate {
 public:
  // Stands before those that the attempt has already; takes itself out when it dies.
  explicit EndpointGate(Attempt& attempt);
  EndpointGate(const EndpointGate&) = delete;
  EndpointGate& operator=(const EndpointGate&) = delete;
  virtual ~EndpointGate();

  // Whether the attempt may go to this endpoint. After a yes it goes there; the last yes is the one
  // that the reply is about, unless one of the two below followed. Asked anew, it gives back what
  // the yes before had reserved.
  virtual bool admit(std::string_view endpoint, base::Time now) = 0;
  // It does not go there after all: another gate said no.
  virtual void passed_over() noexcept = 0;
  // It has failed there before anything was sent, and goes on to another: the outcome of this one.
  virtual void ended(const Outcome& outcome) noexcept = 0;
  // What the attempt ends with if no endpoint was admitted.
  virtual base::Error refusal() const = 0;

  EndpointGate* outer() const { return outer_; }

 private:
  Attempt& attempt_;
  EndpointGate* const outer_;
};

// Of all gates from this one outwards: null = they let it pass, else the one that said no. The
// others know then that it was passed over.
EndpointGate* refusing(EndpointGate* innermost, std::string_view endpoint, base::Time now);
// Tells each of them.
void tell_ended(EndpointGate* innermost, const Outcome& outcome) noexcept;

}  // namespace http
