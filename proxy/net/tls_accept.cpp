#include "proxy/net/tls_accept.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <array>

namespace net {
namespace {

using Failed = std::optional<FailedHandshake>;

// No record of TLS begins with a letter, and nothing but a method with capitals and a blank.
bool is_http(std::string_view begun) {
  const std::string_view method = begun.substr(0, begun.find(' '));
  return !method.empty() &&
         std::all_of(method.begin(), method.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Failed failed(TlsFailure failure, Error error) {
  return FailedHandshake{failure, error};
}

Error timeout() {
  return {base::Reason::connect_timeout, base::Fault::downstream,
          "the TLS handshake took too long"};
}

}  // namespace

Task<std::optional<FailedHandshake>> accept_tls(Transport& transport,
                                                std::shared_ptr<const certs::TlsContext> context,
                                                HandshakeTurns& turns, Time until) {
  std::array<char, 16> room;
  Peeked first = transport.peek(room);
  while (first.state == Input::State::would_block) {
    const bool came = co_await transport.readable(until);
    if (!came) co_return failed(TlsFailure::timeout, timeout());
    first = transport.peek(room);
  }
  if (first.state != Input::State::data) {
    const Error gone{base::Reason::client_gone, base::Fault::downstream, "the client left"};
    co_return FailedHandshake{TlsFailure::client_gone, gone, true};
  }
  if (is_http(first.bytes)) {
    const Error clear{base::Reason::bad_request, base::Fault::downstream, "HTTP on a TLS port"};
    co_return failed(TlsFailure::plain_http, clear);
  }
  co_await turns.next();
  auto session =
      std::make_unique<TlsSession>(std::move(context), transport.descriptor(), Role::server);
  const Result<void> done = co_await transport.handshake(std::move(session), until);
  if (done) co_return std::nullopt;
  co_return failed(tls_failure_of(done.error()), done.error());
}

}  // namespace net
