#include "proxy/net/connector.hpp"

#include "proxy/base/system_cause.hpp"
#include "proxy/net/tcp_options.hpp"

#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

namespace net {
namespace {

constexpr unsigned user_timeout_ms = 30'000;  // unacknowledged for so long: the peer is gone

// Our own shortage says nothing of the upstream.
bool is_ours(int problem) {
  return problem == EMFILE || problem == ENFILE || problem == ENOBUFS || problem == ENOMEM ||
         problem == EADDRNOTAVAIL;
}

Error connect_error(int problem) {
  if (is_ours(problem))
    return {base::Reason::internal,
            base::Fault::proxy,
            "no descriptor, port or memory is left for a connection",
            base::system_cause(problem)};
  return {base::Reason::connect_failure,
          base::Fault::upstream,
          "cannot connect",
          base::system_cause(problem)};
}

void set_options(int descriptor) {
  set_tcp_options(descriptor);
  setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

// A descriptor that is connected, or about to be.
Result<int> begin(const base::Address& address) {
  const int descriptor = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return connect_error(errno);
  if (address.is_ip()) set_options(descriptor);
  const base::Address::Socket to = address.socket();
  if (::connect(descriptor, to.get(), to.size) == 0 || errno == EINPROGRESS) return descriptor;
  const int problem = errno;
  ::close(descriptor);
  return connect_error(problem);
}

// What a socket that is new always has room for.
bool send_whole(int descriptor, std::string_view text) {
  return ::send(descriptor, text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

Error unsent(Error error) {
  error.unsent = true;
  return error;
}

}  // namespace

Task<Result<std::unique_ptr<Transport>>> connect(base::EventLoop& loop, base::Address address,
                                                 std::shared_ptr<const certs::TlsContext> tls,
                                                 Time until, Offer offer, std::string preamble,
                                                 HandshakeTurns* turns) {
  const Result<int> descriptor = begin(address);
  if (!descriptor) co_return unsent(descriptor.error());
  auto transport = std::make_unique<Transport>(loop, *descriptor);
  const Result<void> connected = co_await transport->connected(until);
  if (!connected) co_return unsent(connected.error());
  if (!preamble.empty() && !send_whole(transport->descriptor(), preamble))
    co_return unsent(connect_error(errno));
  if (tls) {
    if (turns) co_await turns->next();
    auto session = std::make_unique<TlsSession>(tls, transport->descriptor(), Role::client);
    session->offer(offer);
    TlsSession& shaken = *session;
    const Time begun = loop.now();
    const Result<void> done = co_await transport->handshake(std::move(session), until);
    if (!done) co_return unsent(done.error());
    shaken.took(loop.now() - begun);
  }
  co_return transport;
}

}  // namespace net
