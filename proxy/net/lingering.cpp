#include "proxy/net/lingering.hpp"

namespace net {
namespace {

constexpr base::Millis longest_flush{30'000};
constexpr base::Millis longest_wait{1'000};         // for the peer's FIN
constexpr std::size_t most_discarded = 256 * 1024;  // bytes read after ours were sent

}  // namespace

Lingering::Lingering(base::EventLoop& loop) : loop_(loop), tasks_(loop) {}

Lingering::~Lingering() = default;

void Lingering::take(std::unique_ptr<Transport> transport) {
  if (!transport->is_open()) return;
  transport->set_owner(nullptr);
  tasks_.spawn(linger(std::move(transport))).release();
}

Task<> Lingering::linger(std::unique_ptr<Transport> transport) {
  Leaving leaving(*transport);
  leaving_.push_back(leaving);
  const bool went_out = co_await transport->drained(0, loop_.now() + longest_flush);
  if (!went_out || transport->write_error()) co_return;
  transport->shutdown_send();
  transport->flush();
  const Time until = loop_.now() + longest_wait;
  std::size_t discarded = 0;
  while (discarded < most_discarded) {
    const Input input = transport->read_now();
    if (input.state == Input::State::end || input.state == Input::State::failed) co_return;
    discarded += input.bytes.size();
    if (input.state == Input::State::data) continue;
    const bool came = co_await transport->readable(until);
    if (!came) co_return;
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
