// What a server remembers of the streams that are gone: a frame for one may have crossed our reset,
// or must not have been sent (RFC 9113 5.1, 5.1.1). Only what is certain is held against a client:
// of streams that it ended itself, and of identifiers that it left out, the latest are known. One
// thread.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace http2 {

class StreamHistory {
 public:
  // An identifier larger than all before.
  bool is_new(std::uint32_t id) const { return id >= next_; }
  void opened(std::uint32_t id) {
    if (id > next_) left_out_[gaps_++ % left_out_.size()] = {next_, id - 2};
    next_ = id + 2;
  }
  // By its END_STREAM or RST_STREAM.
  void ended_by_client(std::uint32_t id) { ended_[ends_++ % ended_.size()] = id; }

  bool was_left_out(std::uint32_t id) const {
    return std::any_of(left_out_.begin(), left_out_.end(),
                       [id](const Range& it) { return it.first <= id && id <= it.last; });
  }
  bool was_ended_by_client(std::uint32_t id) const {
    return std::find(ended_.begin(), ended_.end(), id) != ended_.end();
  }

 private:
  struct Range {
    std::uint32_t first = 1;
    std::uint32_t last = 0;  // none
  };

  std::uint32_t next_ = 1;
  std::array<Range, 8> left_out_{};
  std::array<std::uint32_t, 32> ended_{};
  std::size_t gaps_ = 0;
  std::size_t ends_ = 0;
};

}  // namespace http2
