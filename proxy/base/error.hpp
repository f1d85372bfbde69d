// Why an exchange failed and whose fault it was. Errors are values: see Result. Cancellation is not
// an error: the owner destroys the frame, and nothing in it runs again.
#pragma once

#include <boost/system/error_code.hpp>

#include <cassert>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace base {

enum class Fault : std::uint8_t { downstream, upstream, proxy };

// The vocabulary of failures; the text of each is its name (see to_string).
enum class Reason : std::uint8_t {
  none,
  bad_request,
  headers_too_large,
  target_too_long,
  body_too_large,
  request_timeout,
  method_not_allowed,
  expectation_failed,
  not_implemented,
  no_route,
  no_endpoint,
  circuit_open,
  pool_full,
  bulkhead_full,
  shed,
  throttled,
  dns_failure,
  connect_failure,
  tls_failure,
  connect_timeout,
  refused,
  reset,
  upstream_protocol_error,
  response_too_large,
  response_timeout,
  total_timeout,
  idle_timeout,
  denied,
  loop_detected,
  fault,
  internal,
  client_gone,
  drained,           // the drain's time was over
  budget_exhausted,  // of retries; told beside what failed, never in its place
  response_aborted,
  outrun,  // of an attempt: another of the same request answered first
};
inline constexpr std::size_t reason_count = static_cast<std::size_t>(Reason::outrun) + 1;

std::string_view to_string(Reason reason);  // "" for none
std::optional<Reason> reason_from(std::string_view name);

struct Error {
  Reason reason = Reason::internal;
  Fault fault = Fault::proxy;
  std::string_view detail{};          // static text; how much a client sees of it is the listener's
  boost::system::error_code cause{};  // the operating system's or library's words
  bool unsent = false;   // no byte of the request left us: a request of any method may be repeated
  bool lasting = false;  // another attempt would end alike: a certificate that is not trusted
  bool untried = false;  // nobody was asked: it is the outcome of an earlier attempt, told again
  std::uint32_t code = 0;         // of a stream reset by the peer: its HTTP/2 error code
  std::uint16_t status = 0;       // when not the reason's own (fault filter, denied): this status
  std::uint32_t retry_after = 0;  // seconds, sent to the client; 0 = not said
};

// Its detail, and the cause where there is one.
std::string in_words(const Error& error);
// The same behind its reason.
std::string in_full(const Error& error);

// A T, or the Error that kept it from being.
template <typename T> class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, error) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& operator*() {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& operator*() const {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  const Error& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  Error& error() {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, Error> state_;
};

template <> class [[nodiscard]] Result<void> {
 public:
  using value_type = void;
  Result() = default;
  Result(Error error) : error_(error) {}

  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    assert(error_);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

}  // namespace base
