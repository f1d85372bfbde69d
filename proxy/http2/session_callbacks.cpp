#include "proxy/http2/session_callbacks.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/status.hpp"

#include <algorithm>
#include <memory>

namespace http2 {
namespace {

using base::Bytes;

constexpr double empty_data_cost = 10;
constexpr double invalid_frame_cost = 5;
constexpr base::Millis youth{1'000};  // a stream that lived longer had its price

constexpr std::string_view over_limits = "the header section is far over its limits";
constexpr std::string_view broken = "the message broke the rules of HTTP/2";

std::string_view excess_of(const Section& trailers) {
  return trailers.is_too_large ? "the trailers are over limits.trailer_bytes"
                               : "there are more trailers than fields are allowed";
}

// Of how a stream was closed: nghttp2 has found what the peer did wrong.
bool blames_peer(std::uint32_t code) {
  return code == NGHTTP2_PROTOCOL_ERROR || code == NGHTTP2_FLOW_CONTROL_ERROR ||
         code == NGHTTP2_STREAM_CLOSED;
}

}  // namespace

Stream* Callbacks::find(Session& session, std::int32_t id) {
  return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session.session_, id));
}

// --- received header sections ---

int Callbacks::on_begin_headers(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
  Session& session = of(user);
  session.section_begun_ = session.now();
  Stream* stream = find(session, frame->hd.stream_id);
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && session.role_ == net::Role::server) {
    if (session.refuses_streams_) return refuse_stream(raw, frame->hd.stream_id);
    stream = session.owner_.make_stream();
    stream->id = frame->hd.stream_id;
    session.streams_.push_back(*stream);
    ++session.stream_count_;
    session.conduct_.stream_opened();
    nghttp2_session_set_stream_user_data(raw, stream->id, stream);
  } else if (stream && stream->has_head) {
    stream->section_ = std::make_unique<Section>();
  }
  return 0;
}

int Callbacks::refuse_stream(nghttp2_session* raw, std::int32_t id) {
  nghttp2_submit_rst_stream(raw, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM);
  return 0;
}

int Callbacks::on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                         std::uint8_t, void* user) {
  Session& session = of(user);
  Stream* stream = find(session, frame->hd.stream_id);
  if (!stream) return 0;
  Section& section = stream->section_ ? *stream->section_ : stream->head;
  const auto kind = stream->section_ ? Section::Kind::trailers : Section::Kind::head;
  const bool is_tolerable =
      section.take(kind, view(name, name_size), view(value, value_size), session.limits_);
  if (is_tolerable) return 0;
  if (!stream->section_) return refuse_section(session, *stream, over_limits);
  return refuse_section(session, *stream, excess_of(section));
}

// By default nghttp2 only ignores such a field.
int Callbacks::on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*,
                                 std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                                 void* user) {
  Session& session = of(user);
  Stream* stream = find(session, frame->hd.stream_id);
  return stream ? refuse_section(session, *stream, broken) : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int Callbacks::refuse_section(Session& session, Stream& stream, std::string_view why) {
  session.section_begun_ = base::never;
  if (why != broken) stream.rejected_as = base::Reason::headers_too_large;
  session.reject(stream, why);
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

// A header section is complete: a request, a response, an interim response, or trailers.
void Callbacks::on_section(Session& session, Stream& stream) {
  if (const std::unique_ptr<Section> trailers = std::move(stream.section_)) {
    if (trailers->is_malformed) return session.reject(stream, broken);
    if (trailers->is_over_limits()) {
      stream.rejected_as = base::Reason::headers_too_large;
      return session.reject(stream, excess_of(*trailers));
    }
    stream.trailers = std::move(trailers->headers);
    return;
  }
  Section& head = stream.head;
  head.complete();
  if (head.is_malformed) return session.reject(stream, broken);
  const bool is_response = session.role_ == net::Role::client;
  if (is_response && (head.status < 100 || head.status > 999))
    return session.reject(stream, "the response's status is none");
  if (is_response && head.status < 200) {
    if (++stream.interim_count_ > http::most_interim)
      return session.reject(stream, "there are too many interim responses",
                            Code::enhance_your_calm);
    stream.interim.push_back(std::exchange(head, Section()));
    return;
  }
  stream.has_head = true;
  if (const auto length = head.headers.find(http::Name::content_length))
    session.expect(stream, base::parse_decimal<std::uint64_t>(*length).value_or(0));
  if (session.role_ == net::Role::server)
    session.events_.push_back({Session::Event::Kind::head, &stream});
}

// --- received frames ---

// What may be skipped without a word, as PRIORITY is, is counted as it begins.
int Callbacks::on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user) {
  Session& session = of(user);
  // nghttp2 lets it pass until the peer has acknowledged that we want none.
  if (header->type == NGHTTP2_PUSH_PROMISE) session.terminate(Code::protocol_error);
  if (header->type == NGHTTP2_PRIORITY) session.end_unless(session.conduct_.priority());
  if (header->type == NGHTTP2_WINDOW_UPDATE) session.end_unless(session.conduct_.window_update());
  if (header->type == NGHTTP2_HEADERS && session.refuses_streams_)
    session.end_unless(session.conduct_.glitch(session.now(), refused_cost));
  return session.is_terminated_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

// Of a peer that has gone too far no more is read.
int Callbacks::on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  Session& session = of(user);
  take_frame(session, frame);
  return session.is_terminated_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

void Callbacks::take_frame(Session& session, const nghttp2_frame* frame) {
  Conduct& conduct = session.conduct_;
  const base::Time now = session.now();
  const bool is_ack = frame->hd.flags & NGHTTP2_FLAG_ACK;
  Stream* stream = frame->hd.stream_id != 0 ? find(session, frame->hd.stream_id) : nullptr;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
      session.section_begun_ = base::never;
      if (stream) on_section(session, *stream);
      break;
    case NGHTTP2_DATA:
      if (frame->hd.length > frame->data.padlen)
        conduct.data_received();
      else if (stream && !ends_stream(*frame) && ++stream->empty_data_ > 1)
        session.end_unless(conduct.glitch(now, empty_data_cost));
      break;
    case NGHTTP2_SETTINGS:
      if (is_ack) return;
      session.end_unless(conduct.glitch(now));
      session.has_settings_ = true;
      session.events_.push_back({Session::Event::Kind::settings, nullptr});
      return;
    case NGHTTP2_PING:
      on_ping(session, is_ack);
      return;
    case NGHTTP2_GOAWAY:
      session.end_unless(conduct.glitch(now));
      session.events_.push_back({Session::Event::Kind::goaway, nullptr});
      return;
    case NGHTTP2_RST_STREAM:
      on_reset(session, stream);
      return;
    default:
      return;
  }
  if (!stream) return;
  if (ends_stream(*frame)) {
    stream->has_ended = true;
    session.expect_no_more(*stream);
  }
  stream->touch_reader();
}

void Callbacks::on_ping(Session& session, bool is_ack) {
  if (!is_ack)
    session.end_unless(session.conduct_.ping(session.now()));
  else if (session.pings_ == 0)
    session.end_unless(session.conduct_.glitch(session.now()));
  else if (--session.pings_ == 0)
    session.events_.push_back({Session::Event::Kind::pong, nullptr});
}

// What an upstream resets it was asked for; a client that resets what it has only just asked for,
// and was not answered, has us do work for nothing.
void Callbacks::on_reset(Session& session, Stream* stream) {
  if (!stream) return session.end_unless(session.conduct_.stray_reset());
  stream->is_reset_by_peer = true;
  const bool is_premature = !stream->is_answered && session.now() < stream->begun + youth;
  if (session.role_ == net::Role::server && is_premature) session.charge_waste();
}

int Callbacks::on_data(nghttp2_session* raw, std::uint8_t, std::int32_t id,
                       const std::uint8_t* data, std::size_t size, void* user) {
  Session& session = of(user);
  nghttp2_session_consume_connection(raw, size);
  Stream* stream = find(session, id);
  if (!stream) return 0;
  const char* const from = reinterpret_cast<const char*>(data);
  const auto offset = static_cast<std::size_t>(from - session.input_->data());
  if (stream->expected_ > 0)
    session.expect(*stream, stream->expected_ - std::min<std::uint64_t>(size, stream->expected_));
  stream->hold_data(session.input_->slice(offset, size));
  stream->touch_reader();
  return 0;
}

int Callbacks::on_stream_close(nghttp2_session* raw, std::int32_t id, std::uint32_t code,
                               void* user) {
  Session& session = of(user);
  Stream* stream = find(session, id);
  if (!stream) return 0;
  nghttp2_session_set_stream_user_data(raw, id, nullptr);
  session.give_window_back(*stream);
  session.expect_no_more(*stream);
  stream->unlink();
  --session.stream_count_;
  stream->closed = code;
  const bool is_explained = stream->is_reset_by_peer || stream->is_reset_wanted;
  if (session.role_ == net::Role::server && !is_explained && blames_peer(code))
    session.note_rejection(*stream, broken);
  stream->touch_reader();
  stream->touch_writer();
  session.events_.push_back({Session::Event::Kind::closed, stream});
  return 0;
}

// Also at the end of a header section that breaks the rules: on_frame is not told of it.
int Callbacks::on_invalid_frame(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
  Session& session = of(user);
  if (frame->hd.type == NGHTTP2_HEADERS) {
    session.section_begun_ = base::never;
    Stream* stream =
        session.role_ == net::Role::server ? find(session, frame->hd.stream_id) : nullptr;
    if (stream) session.note_rejection(*stream, broken);
  }
  session.end_unless(session.conduct_.glitch(session.now(), invalid_frame_cost));
  return session.is_terminated_ ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

const nghttp2_session_callbacks* Callbacks::all() {
  struct Freed {
    void operator()(nghttp2_session_callbacks* it) const { nghttp2_session_callbacks_del(it); }
  };
  static const std::unique_ptr<nghttp2_session_callbacks, Freed> made = [] {
    nghttp2_session_callbacks* it = nullptr;
    nghttp2_session_callbacks_new(&it);
    nghttp2_session_callbacks_set_on_begin_headers_callback(it, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(it, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(it, on_invalid_header);
    nghttp2_session_callbacks_set_on_begin_frame_callback(it, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(it, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(it, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(it, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(it, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(it, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(it, on_invalid_frame);
    nghttp2_session_callbacks_set_send_data_callback(it, send_data);
    return std::unique_ptr<nghttp2_session_callbacks, Freed>(it);
  }();
  return made.get();
}

}  // namespace http2
