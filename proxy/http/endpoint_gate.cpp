#include "proxy/http/endpoint_gate.hpp"

#include "proxy/http/attempt.hpp"

namespace http {

EndpointGate::EndpointGate(Attempt& attempt) : attempt_(attempt), outer_(attempt.gate) {
  attempt.gate = this;
}

EndpointGate::~EndpointGate() {
  attempt_.gate = outer_;
}

EndpointGate* refusing(EndpointGate* innermost, std::string_view endpoint, base::Time now) {
  for (EndpointGate* gate = innermost; gate; gate = gate->outer()) {
    if (gate->admit(endpoint, now)) continue;
    for (EndpointGate* other = innermost; other != gate; other = other->outer())
      other->passed_over();
    return gate;
  }
  return nullptr;
}

void tell_ended(EndpointGate* innermost, const Outcome& outcome) noexcept {
  for (EndpointGate* gate = innermost; gate; gate = gate->outer()) gate->ended(outcome);
}

}  // namespace http
