#include "proxy/net/proxy_accept.hpp"

namespace net {
namespace {

constexpr std::size_t looked_at = 1024;  // at a time

Error failed(base::Reason reason, std::string_view what) {
  return {reason, base::Fault::downstream, what};
}

}  // namespace

Task<Result<ProxyHeader>> accept_proxy(Transport& transport, Time until) {
  ProxyHeader header;
  for (;;) {
    const Peeked next = transport.peek({base::ReadBlock::of_this_thread().prepare(), looked_at});
    if (next.state == Input::State::would_block) {
      const bool came = co_await transport.readable(until);
      if (came) continue;
      co_return failed(base::Reason::request_timeout, "the PROXY header did not come in time");
    }
    if (next.state != Input::State::data)
      co_return failed(base::Reason::client_gone, "the client left before its PROXY header");
    transport.skip(header.take(next.bytes));
    if (header.state() == ProxyHeader::State::complete) co_return header;
    if (header.state() == ProxyHeader::State::malformed)
      co_return failed(base::Reason::bad_request, "what came is no PROXY header");
  }
}

}  // namespace net
