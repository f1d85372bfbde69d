#include "proxy/net/lingering.hpp"

namespace net {
namespace {

constexpr int most_timeouts = 10;  // of a peer that takes little
constexpr std::size_t most_discarded = 256 * 1024;  // in a row, before others have their turn

}  // namespace

Lingering::Lingering(base::EventLoop& loop) : loop_(loop), tasks_(loop) {}

Lingering::~Lingering() = default;

void Lingering::take(std::unique_ptr<Transport> transport, base::Millis send_timeout,
                     base::Millis patience) {
  if (!transport->is_open()) return;
  transport->set_owner(nullptr);
  tasks_.spawn(linger(std::move(transport), send_timeout, patience)).release();
}

// Closed with something unread, the socket would be reset, and the peer might lose what it was
// sent.
Task<> Lingering::linger(std::unique_ptr<Transport> transport, base::Millis send_timeout,
                         base::Millis patience) {
  Leaving leaving(*transport);
  leaving_.push_back(leaving);
  const bool is_out = co_await went_out(*transport, send_timeout);
  if (!is_out) co_return;
  transport->shutdown_send();
  transport->flush();
  const Time until = loop_.now() + patience;
  std::size_t discarded = 0;
  while (loop_.now() < until) {
    const Input input = transport->read_now();
    if (input.state == Input::State::end || input.state == Input::State::failed) co_return;
    discarded += input.bytes.size();
    if (input.state == Input::State::would_block) {
      const bool came = co_await transport->readable(until);
      if (!came) co_return;
    } else if (discarded >= most_discarded) {
      discarded = 0;
      co_await loop_.yield();
    }
  }
}

// Whether all that was queued did.
Task<bool> Lingering::went_out(Transport& transport, base::Millis send_timeout) {
  const Time limit = loop_.now() + most_timeouts * send_timeout;
  for (;;) {
    const std::uint64_t before = transport.written();
    const bool is_out = co_await transport.drained(0, loop_.now() + send_timeout);
    if (transport.write_error()) co_return false;
    if (is_out) co_return true;
    if (transport.written() == before || loop_.now() >= limit) co_return false;
  }
}

// Its place is free at once; its task ends in this turn.
void Lingering::Leaving::end() {
  unlink();
  transport.close();
  transport.interrupt();
}

bool Lingering::end_oldest() {
  Leaving* oldest = leaving_.front();
  if (oldest) oldest->end();
  return oldest != nullptr;
}

bool Lingering::end_oldest_of(const base::Address& source) {
  Leaving* each = leaving_.front();
  while (each && !each->transport.place().is_from(source)) each = leaving_.after(*each);
  if (each) each->end();
  return each != nullptr;
}

}  // namespace net
