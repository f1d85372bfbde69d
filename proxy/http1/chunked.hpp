// Decodes a chunked body (RFC 9112 7.1) as its bytes come: strict, extensions dropped and bounded,
// trailers bounded and cleaned of what must not come there. Data is handed out as slices of the
// input. The verdict does not depend on how the bytes were cut. One thread.
#pragma once

#include "proxy/base/bytes.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/http/headers.hpp"
#include "proxy/http1/fields.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace http1 {

struct TrailerLimits {
  std::size_t bytes = 32 * 1024;  // of all lines with their ends
  std::size_t count = 100;
};

class ChunkedDecoder : public base::Pooled {
 public:
  ChunkedDecoder(Side side, const TrailerLimits& limits) : side_(side), limits_(limits) {}

  // The next data out of `input`, which loses what was used. Empty: more input is needed, or the
  // body has ended and what is left of `input` lies behind it.
  base::Result<base::Bytes> next(base::Bytes& input);
  bool has_ended() const { return state_ == State::ended; }
  http::Headers take_trailers() { return std::move(trailers_); }

 private:
  enum class State : std::uint8_t {
    size_first,   // the first digit of a size
    size,
    name_first,   // of an extension: behind its `;`
    name,
    name_end,     // blanks behind it, and so not the end of the line
    value_first,  // behind its `=`
    value,
    quoted,
    escaped,      // behind a backslash in quotes
    quotes_end,
    value_end,    // blanks behind it
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    ended,
  };

  base::Result<void> take(char c);
  base::Result<void> take_size(char c);
  base::Result<void> take_extension(char c);
  std::optional<State> within_quotes(char c) const;
  std::optional<State> behind_extension(char c) const;
  State end_of_size_line() const { return left_ > 0 ? State::data : State::trailer; }
  base::Result<void> take_trailer(char c);
  base::Result<void> end_trailer_line();
  base::Error bad(std::string_view why) const;

  State state_ = State::size_first;
  std::uint64_t left_ = 0;  // of the chunk; while its size is read, the size so far
  std::size_t digits_ = 0;
  std::uint64_t overhead_ = 0;  // bytes of extensions, less those of data
  Side side_;
  TrailerLimits limits_;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_count_ = 0;
  std::string line_;  // of the trailer section
  http::Headers trailers_;
};

}  // namespace http1
