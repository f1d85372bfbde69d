#include "proxy/http/attempt.hpp"

#include "proxy/http/stream_info.hpp"

namespace http {

Try::Try(StreamInfo& info, const Scope& around) : scope(info.now(), around), info_(info) {}

Try::~Try() {
  if (is_answer_ || attempt.number > info_.attempt.number) info_.attempt = std::move(attempt);
}

}  // namespace http
