// One stream, as far as both sides are alike: what was received and not yet read, and what is to be
// sent and was not yet taken. Its user (a server's or a client's stream) derives from it; the
// session fills and empties it until the stream is closed or detached. One thread.
#pragma once

#include "proxy/base/bytes.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/link.hpp"
#include "proxy/base/pieces.hpp"
#include "proxy/base/shared_text.hpp"
#include "proxy/http2/section.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http2 {

class Stream : public base::Link {
 public:
  explicit Stream(base::Loop& loop)
      : begun(loop.now()), readable(loop), writable(loop), moved_at(begun) {}

  std::int32_t id = 0;
  const base::Time begun;

  // --- received ---
  Section head;  // of the message; complete once has_head is set
  bool has_head = false;
  std::vector<Section> interim;  // 1xx heads (client)
  http::Headers trailers;
  bool has_ended = false;  // END_STREAM was received
  // How the message broke the rules: we have reset the stream. Static text; "" = it did not.
  std::string_view rejected_for;
  base::Reason rejected_as = base::Reason::bad_request;
  bool is_reset_by_peer = false;
  std::optional<std::uint32_t> closed;  // the code it was closed with
  base::Event readable;                 // something of the above has changed, or there is data

  bool has_data() const { return !data_.empty(); }
  // The oldest piece.
  base::Bytes take_data();
  // Small pieces are joined, so that holding them costs no more than twice their size.
  void hold_data(base::Bytes piece);
  // Drops what is there, and all that will come.
  void ignore_data();
  bool ignores_data() const { return ignores_data_; }

  // --- to be sent ---
  http::Headers output_trailers;
  bool output_has_ended = false;
  bool is_reset_wanted = false;  // by its user: nothing more is to be asked of the session
  bool is_head_sent = false;     // HEADERS were taken
  bool is_answered = false;      // the final head was handed to the session (server)
  bool is_end_sent = false;
  base::Event writable;  // all output was taken, or the stream was closed

  // Takes a piece, to be sent by the session: flush(true) at once if it is large, else flush(false)
  // with the turn's. False: the writer is to wait until it is taken.
  template <typename Session, typename Flush>
  bool hand_over(Session& session, base::Bytes piece, Flush flush);
  void hold_output(base::Bytes piece);
  std::size_t held_output() const { return held_output_; }
  // The first `count` bytes go to `take(Bytes)`, as slices.
  template <typename Take> void take_output(std::size_t count, Take take);
  // For a while of waiting: what is held of large blocks is copied.
  void compact_output();
  // Output waits for the peer since then.
  base::Time moved_at;
  bool has_unsent_output() const { return held_output_ > 0 || (output_has_ended && !is_end_sent); }

 protected:
  ~Stream() = default;

 private:
  friend class Session;
  friend struct Callbacks;

  void touch_reader() {
    if (readable.has_waiter()) readable.set();
  }
  void touch_writer() {
    if (writable.has_waiter()) writable.set();
  }

  base::Pieces data_;
  bool ignores_data_ = false;
  base::Pieces output_;
  std::size_t held_output_ = 0;

  // The session's own.
  std::unique_ptr<Section> section_;  // being received, if not the head
  bool is_deferred_ = false;          // nghttp2 waits for more output
  bool resets_when_sent_ = false;     // with NO_ERROR: the request's rest is of no interest
  std::uint32_t empty_data_ = 0;
  std::uint32_t interim_count_ = 0;  // also of those that were passed on
  std::uint64_t expected_ = 0;  // bytes of its body to come, if that is known; else 0
  std::uint64_t consumed_ = 0;
  std::size_t granted_ = 0;     // of the thread's budget of windows
  // What nghttp2 refers to until HEADERS were taken.
  http::Headers sent_headers_;
  base::SharedText sent_method_, sent_authority_, sent_path_;  // of a request
  std::string sent_status_;                                    // of a response
};

template <typename Session, typename Flush>
bool Stream::hand_over(Session& session, base::Bytes piece, Flush flush) {
  constexpr std::size_t large = 16 * 1024;
  constexpr std::size_t most_held = 64 * 1024;
  if (piece.empty()) return true;
  const bool is_large = piece.size() >= large;
  if (!is_large) piece.compact();
  hold_output(std::move(piece));
  session.resume(*this);
  flush(is_large);
  const std::size_t most =
      std::min(most_held, base::ReadBlock::most());  // little if memory is short
  return held_output() == 0 || (held_output() < most && !is_large);
}

template <typename Take> void Stream::take_output(std::size_t count, Take take) {
  held_output_ -= count;
  while (count > 0) {
    base::Bytes& front = output_.front();
    const std::size_t of_this = std::min(count, front.size());
    count -= of_this;
    if (of_this < front.size())
      take(front.take_prefix(of_this));
    else
      take(output_.pop());
  }
}

}  // namespace http2
