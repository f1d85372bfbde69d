#include "proxy/http2/transport_output.hpp"

namespace http2 {
namespace {

constexpr std::size_t least_unsent =
    64 * 1024;                  // of a transport: more is pulled out of the session
constexpr int most_rounds = 4;  // of pulling and writing at a time

}  // namespace

bool TransportOutput::flush(Session& session) {
  is_flushing_ = true;
  bool is_any = false;
  for (int round = 0; round < most_rounds; ++round) {
    is_any = session.send(*this);
    session.take_events();
    transport_.flush();
    if (!is_any || !session.wants_to_send() || transport_.unsent() > 0) break;
  }
  is_flushing_ = false;
  return is_any && session.wants_to_send() && transport_.unsent() == 0;
}

bool TransportOutput::is_ready_for(const Session& session) const {
  return !is_flushing_ && transport_.unsent() <= least_unsent && session.wants_to_send();
}

}  // namespace http2
