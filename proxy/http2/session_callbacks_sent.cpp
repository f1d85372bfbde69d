// The callbacks for what goes out.
#include "proxy/http2/session_callbacks.hpp"

#include <algorithm>

namespace http2 {
namespace {

using base::Bytes;

constexpr std::size_t frame_header = 9;
constexpr std::size_t least_frame = 64;  // a window that lets less through costs more than it moves

// Of a RST_STREAM: that the peer made us send it.
bool is_forced_by_peer(std::uint32_t code) {
  return code != NGHTTP2_NO_ERROR && code != NGHTTP2_CANCEL && code != NGHTTP2_INTERNAL_ERROR &&
         code != NGHTTP2_REFUSED_STREAM;
}

}  // namespace

// The peer pays only for what it has brought about.
void Callbacks::on_reset_sent(Session& session, const Stream* stream, std::uint32_t code) {
  const bool is_ours = stream && stream->is_reset_wanted && stream->rejected_for.empty();
  if (!is_ours && is_forced_by_peer(code)) session.charge_waste();
  if (!stream && code == NGHTTP2_REFUSED_STREAM)
    session.end_unless(session.conduct_.glitch(session.now(), refused_cost));
}

int Callbacks::on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Session& session = of(user);
  if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR)
    session.has_violation_ = true;
  if (frame->hd.stream_id == 0) return 0;
  Stream* stream = find(session, frame->hd.stream_id);
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    on_reset_sent(session, stream, frame->rst_stream.error_code);
    return 0;
  }
  const bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
  if (!stream || !is_message) return 0;
  stream->is_head_sent = true;
  if (!ends_stream(*frame)) return 0;
  stream->is_end_sent = true;
  if (stream->resets_when_sent_) session.reset(*stream, Code::no_error);
  return 0;
}

// A response's head that cannot be sent would leave its stream open for ever.
int Callbacks::on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
  Session& session = of(user);
  if (frame->hd.type != NGHTTP2_HEADERS || session.role_ == net::Role::client) return 0;
  if (Stream* stream = find(session, frame->hd.stream_id))
    session.reset(*stream, Code::internal_error);
  return 0;
}

ssize_t Callbacks::read_output(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t size,
                               std::uint32_t* flags, nghttp2_data_source*, void* user) {
  Session& session = of(user);
  Stream* stream = find(session, id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const std::size_t count = std::min(size, stream->held_output_);
  if (count == 0 && !stream->output_has_ended) {
    stream->is_deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (!stream->output_has_ended || count < stream->held_output_) return static_cast<ssize_t>(count);
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (!stream->output_trailers.empty()) {
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    session.submit_trailers(*stream);
  }
  return static_cast<ssize_t>(count);
}

// A DATA frame goes out: its header, then slices of what the stream holds.
int Callbacks::send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                         std::size_t size, nghttp2_data_source*, void* user) {
  Session& session = of(user);
  Stream* stream = find(session, frame->hd.stream_id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  Session::Output& output = *session.output_;
  if (output.unsent() >= output.most_unsent) return NGHTTP2_ERR_WOULDBLOCK;
  output.queue(view(header, frame_header));
  stream->take_output(size, [&output](Bytes piece) {
    if (piece.size() <= output.copied_at_most)
      output.queue(piece.view());
    else
      output.queue(std::move(piece));
  });
  stream->moved_at = session.now();
  session.conduct_.data_sent(size);
  if (size < least_frame && stream->held_output_ > 0)
    session.end_unless(session.conduct_.glitch(session.now()));
  if (stream->held_output_ == 0) stream->touch_writer();
  return 0;
}

nghttp2_data_provider Callbacks::provider() {
  nghttp2_data_provider made{};
  made.read_callback = read_output;
  return made;
}

}  // namespace http2
