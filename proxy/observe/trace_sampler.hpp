// Which traces are recorded. A trusted caller decides for its own (the app, or a peer that may say
// who it forwards for). What begins here is decided by its id, as OpenTelemetry's probability
// sampling does: the least of its last seven bytes that counts is the same for all who sample
// alike, so that traces are recorded whole.
//
// A caller that is not trusted can only say no. Its trace is decided by the id as well, so that an
// honest one that samples alike is followed; but an id can be made up, so such traces are recorded
// out of a credit to which each request of such callers adds the ratio: nobody can have more of them
// recorded than that. Values of a worker.
#pragma once

#include "proxy/http/trace_context.hpp"

#include <algorithm>
#include <cstdint>

namespace observe {

class TraceSampler {
 public:
  // sample: in 1/100 %.
  explicit TraceSampler(std::uint32_t sample)
      : sample_(sample), least_(range - range / whole * sample) {}

  bool takes(const http::TraceId& id) const {
    return sample_ >= whole || (id.low & (range - 1)) >= least_;
  }
  // Of a caller that is not trusted: once for each request with a trace of its own.
  bool takes_of_stranger(const http::TraceParent& parent) {
    credit_ = std::min<std::uint64_t>(credit_ + sample_, most_credit);
    const bool says_no = !parent.leaves_open && (parent.flags & http::trace_is_sampled) == 0;
    if (says_no || !takes(parent.id) || credit_ < whole) return false;
    credit_ -= whole;
    return true;
  }

 private:
  static constexpr std::uint64_t range = std::uint64_t{1} << 56;
  static constexpr std::uint32_t whole = 10'000;
  static constexpr std::uint64_t most_credit = 100 * std::uint64_t{whole};  // a hundred traces

  const std::uint32_t sample_;
  const std::uint64_t least_;
  std::uint64_t credit_ = most_credit;
};

}  // namespace observe
