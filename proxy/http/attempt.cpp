#include "proxy/http/attempt.hpp"

#include "proxy/http/stream_info.hpp"

#include <utility>

namespace http {

Try::Try(StreamInfo& info, const Scope& around) : scope(info.now(), around), info_(info) {}

// Either this attempt is the one that counts now, or the one known so far stays; the other is kept
// beside it.
Try::~Try() {
  if (attempt.ended == base::never) attempt.ended = info_.now();
  if (is_answer_ || attempt.number > info_.attempt.number) {
    if (info_.attempt.number != 0) info_.keep(std::move(info_.attempt));
    info_.attempt = std::move(attempt);
  } else if (attempt.number != 0) {
    info_.keep(std::move(attempt));
  }
}

}  // namespace http
