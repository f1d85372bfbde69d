#include "proxy/http2/session.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "proxy/base/ascii.hpp"
#include "proxy/http/target.hpp"
#include "proxy/net/transport.hpp"

namespace http2 {
namespace {

using base::Bytes;
using http::Headers;
using http::Name;

constexpr std::int32_t first_window = 64 * 1024;
constexpr std::int32_t grown_window = 1024 * 1024;
constexpr std::size_t window_budget = 64 * 1024 * 1024;  // of a thread's grown windows
constexpr std::int32_t connection_window = 0x7fffffff;
constexpr std::size_t most_unsent = 256 * 1024;
constexpr std::size_t copied_at_most = 1024;
constexpr std::size_t flood_factor = 4;   // over the header limits: no more than marked
constexpr std::size_t most_interim = 16;
constexpr double reset_burst = 100, resets_a_second = 33;
constexpr double glitch_burst = 200, glitches_a_second = 5;
constexpr std::size_t most_continuations = 8;
constexpr std::size_t most_settings = 32;
constexpr std::size_t most_acks = 1000;


struct Freed {
  void operator()(nghttp2_session_callbacks* it) const { nghttp2_session_callbacks_del(it); }
  void operator()(nghttp2_option* it) const { nghttp2_option_del(it); }
};

std::string_view view(const std::uint8_t* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

constexpr std::uint8_t no_copy = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

// Reused by all sessions of a thread.
std::vector<nghttp2_nv>& scratch() {
  thread_local std::vector<nghttp2_nv> fields;
  fields.clear();
  return fields;
}

void append(std::vector<nghttp2_nv>& fields, const Headers& headers) {
  for (const Headers::Field each : headers) fields.push_back(field(each.name, each.value, no_copy));
}

bool concerns_connection(std::string_view name) {
  switch (http::known_name(name)) {
    case Name::connection:
    case Name::keep_alive:
    case Name::proxy_connection:
    case Name::transfer_encoding:
    case Name::upgrade:
      return true;
    default:
      return false;
  }
}

bool take_pseudo(Section& section, std::string_view name, std::string_view value) {
  if (name == ":method")
    section.method = value;
  else if (name == ":scheme")
    section.scheme = value;
  else if (name == ":authority")
    section.authority = value;
  else if (name == ":path")
    section.path = value;
  else if (name == ":protocol")
    section.protocol = value;
  else if (name == ":status")
    section.status = base::parse_decimal<std::uint16_t>(value).value_or(0);
  else
    return false;
  return true;
}

// One host, equal to :authority (RFC 9113 8.3.1).
void take_host(Section& section, std::string_view value) {
  const bool contradicts = !section.authority.empty() &&
                           !base::same_ignoring_case(section.authority, value);
  if (section.has_host || contradicts || !http::valid_authority(value))
    section.is_malformed = true;
  section.has_host = true;
  if (section.authority.empty()) section.authority = value;
}

}  // namespace

Bytes Stream::take_data() {
  Bytes piece = std::move(data[next_data++]);
  if (next_data == data.size()) {
    data.clear();
    next_data = 0;
  }
  return piece;
}

// nghttp2's view of a session. Nothing here calls out.
struct Callbacks {
  static Session& of(void* user) { return *static_cast<Session*>(user); }
  static Stream* find(Session& session, std::int32_t id) {
    return static_cast<Stream*>(nghttp2_session_get_stream_user_data(session.session_, id));
  }

  static int on_begin_headers(nghttp2_session* raw, const nghttp2_frame* frame, void* user) {
    Session& session = of(user);
    Stream* stream = find(session, frame->hd.stream_id);
    const bool is_request = frame->headers.cat == NGHTTP2_HCAT_REQUEST;
    if (is_request && session.role_ == Role::server) {
      stream = session.owner_.make_stream();
      stream->id = frame->hd.stream_id;
      session.streams_.push_back(*stream);
      ++session.stream_count_;
      nghttp2_session_set_stream_user_data(raw, stream->id, stream);
    }
    if (stream) stream->section = Section();
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    Session& session = of(user);
    Stream* stream = find(session, frame->hd.stream_id);
    if (!stream) return 0;
    Section& section = stream->section;
    const SessionLimits& limits = session.limits_;
    section.bytes += name_size + value_size + 32;
    ++section.count;
    const std::size_t most = stream->has_head ? limits.trailer_bytes : limits.header_bytes;
    if (section.bytes > most || section.count > limits.header_count) section.is_too_large = true;
    if (section.bytes > flood_factor * most || section.count > flood_factor * limits.header_count)
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    if (!section.is_too_large) take(section, view(name, name_size), view(value, value_size));
    return 0;
  }

  static void take(Section& section, std::string_view name, std::string_view value) {
    if (name.starts_with(':')) {
      if (!take_pseudo(section, name, value)) section.is_malformed = true;
      return;
    }
    if (concerns_connection(name) || !http::valid_field_value(value)) {
      section.is_malformed = true;
      return;
    }
    if (name == "host") return take_host(section, value);
    if (name == "cookie") {
      if (!section.cookie.empty()) section.cookie += "; ";
      section.cookie += value;
      return;
    }
    section.headers.add(name, value);
  }

  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame_recv(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session& session = of(user);
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        on_section(session, *frame);
        break;
      case NGHTTP2_DATA:
        if (frame->hd.length == 0 && !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) session.sin(10);
        break;
      case NGHTTP2_SETTINGS:
        if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) session.sin();
        session.has_settings_ = true;
        session.events_.push_back({Session::Event::Kind::settings, nullptr});
        return 0;
      case NGHTTP2_PING:
        if (frame->hd.flags & NGHTTP2_FLAG_ACK)
          session.pings_ = 0;
        else
          session.sin(2);
        return 0;
      case NGHTTP2_GOAWAY:
        session.has_goaway_ = true;
        session.events_.push_back({Session::Event::Kind::goaway, nullptr});
        return 0;
      case NGHTTP2_RST_STREAM:
        if (!session.resets_.spend(session.owner_.loop().now()))
          session.terminate(Code::enhance_your_calm);
        return 0;
      case NGHTTP2_PRIORITY:
        session.sin(0.5);
        return 0;
      case NGHTTP2_WINDOW_UPDATE:
        session.sin(0.02);
        return 0;
      default:
        return 0;
    }
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    if (Stream* stream = find(session, frame->hd.stream_id)) {
      stream->has_ended = true;
      session.touch(*stream);
    }
    return 0;
  }

  // A header section is complete: a request, a response, an interim response, or trailers.
  static void on_section(Session& session, const nghttp2_frame& frame) {
    Stream* stream = find(session, frame.hd.stream_id);
    if (!stream) return;
    Section& section = stream->section;
    if (!section.cookie.empty()) section.headers.add(Name::cookie, section.cookie);
    session.touch(*stream);
    if (stream->has_head) {
      if (section.is_malformed || section.is_too_large)
        return session.flaw(*stream, NGHTTP2_PROTOCOL_ERROR);
      stream->trailers = std::move(section.headers);
      return;
    }
    if (section.is_malformed) return session.flaw(*stream, NGHTTP2_PROTOCOL_ERROR);
    if (session.role_ == Role::client && section.status < 200) {
      if (stream->interim.size() >= most_interim)
        return session.flaw(*stream, NGHTTP2_ENHANCE_YOUR_CALM);
      stream->interim.push_back(std::move(section));
      return;
    }
    stream->has_head = true;
    stream->head = std::move(section);
    if (session.role_ == Role::server)
      session.events_.push_back({Session::Event::Kind::head, stream});
  }

  static int on_data(nghttp2_session* raw, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                     std::size_t size, void* user) {
    Session& session = of(user);
    nghttp2_session_consume_connection(raw, size);
    Stream* stream = find(session, id);
    if (!stream || stream->is_flawed) return 0;
    const auto offset = static_cast<std::size_t>(reinterpret_cast<const char*>(data) -
                                                 session.input_->data());
    Bytes piece = session.input_->slice(offset, size);
    if (!stream->readable.has_waiter()) piece.compact();
    stream->data.push_back(std::move(piece));
    session.touch(*stream);
    return 0;
  }

  static int on_stream_close(nghttp2_session* raw, std::int32_t id, std::uint32_t code,
                             void* user) {
    Session& session = of(user);
    Stream* stream = find(session, id);
    if (!stream) return 0;
    nghttp2_session_set_stream_user_data(raw, id, nullptr);
    stream->unlink();
    --session.stream_count_;
    stream->closed = code;
    session.touch(*stream);
    if (stream->writable.has_waiter()) stream->writable.set();
    session.events_.push_back({Session::Event::Kind::closed, stream});
    return 0;
  }

  static int on_frame_send(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Session& session = of(user);
    if (frame->hd.type == NGHTTP2_RST_STREAM && frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
        frame->rst_stream.error_code != NGHTTP2_CANCEL &&
        !session.resets_.spend(session.owner_.loop().now()))
      session.terminate(Code::enhance_your_calm);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Stream* stream = find(session, frame->hd.stream_id);
    if (!stream) return 0;
    stream->is_head_sent = true;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    stream->is_end_sent = true;
    if (stream->resets_when_sent) session.reset(*stream, NGHTTP2_NO_ERROR);
    return 0;
  }

  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user) {
    of(user).sin(5);
    return 0;
  }

  static ssize_t read_output(nghttp2_session*, std::int32_t, std::uint8_t*, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source* source, void* user) {
    Stream& stream = *static_cast<Stream*>(source->ptr);
    std::size_t count = 0;
    for (std::size_t i = stream.next_output; i < stream.output.size() && count < size; ++i)
      count += std::min(stream.output[i].size(), size - count);
    std::size_t all = 0;
    for (std::size_t i = stream.next_output; i < stream.output.size() && all <= count; ++i)
      all += stream.output[i].size();
    if (count == 0 && !stream.output_has_ended) {
      stream.is_deferred = true;
      return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (stream.output_has_ended && all == count) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!stream.output_trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        submit_trailers(of(user), stream);
      }
    }
    return static_cast<ssize_t>(count);
  }

  static void submit_trailers(Session& session, Stream& stream) {
    std::vector<nghttp2_nv> fields;
    for (const Headers::Field each : stream.output_trailers)
      fields.push_back(field(each.name, each.value, 0));
    nghttp2_submit_trailer(session.session_, stream.id, fields.data(), fields.size());
  }

  // A DATA frame goes out: its header, then slices of what the stream holds.
  static int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* header,
                       std::size_t size, nghttp2_data_source* source, void* user) {
    constexpr std::size_t frame_header = 9;
    Session& session = of(user);
    Stream& stream = *static_cast<Stream*>(source->ptr);
    net::Transport& transport = *session.output_;
    transport.queue(view(header, frame_header));
    while (size > 0) {
      Bytes& front = stream.output[stream.next_output];
      const std::size_t count = std::min(size, front.size());
      Bytes piece = front.take_prefix(count);
      if (count <= copied_at_most)
        transport.queue(piece.view());
      else
        transport.queue(std::move(piece));
      size -= count;
      if (front.empty()) ++stream.next_output;
    }
    if (stream.next_output == stream.output.size()) {
      stream.output.clear();
      stream.next_output = 0;
      if (stream.writable.has_waiter()) stream.writable.set();
    }
    return 0;
  }

  static nghttp2_session_callbacks* all() {
    static const std::unique_ptr<nghttp2_session_callbacks, Freed> made = [] {
      nghttp2_session_callbacks* it = nullptr;
      nghttp2_session_callbacks_new(&it);
      nghttp2_session_callbacks_set_on_begin_headers_callback(it, on_begin_headers);
      nghttp2_session_callbacks_set_on_header_callback(it, on_header);
      nghttp2_session_callbacks_set_on_invalid_header_callback(it, on_invalid_header);
      nghttp2_session_callbacks_set_on_frame_recv_callback(it, on_frame_recv);
      nghttp2_session_callbacks_set_on_data_chunk_recv_callback(it, on_data);
      nghttp2_session_callbacks_set_on_stream_close_callback(it, on_stream_close);
      nghttp2_session_callbacks_set_on_frame_send_callback(it, on_frame_send);
      nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(it, on_invalid_frame);
      nghttp2_session_callbacks_set_send_data_callback(it, send_data);
      return std::unique_ptr<nghttp2_session_callbacks, Freed>(it);
    }();
    return made.get();
  }

  static nghttp2_data_provider provider(Stream& stream) {
    nghttp2_data_provider made{};
    made.source.ptr = &stream;
    made.read_callback = read_output;
    return made;
  }
};

Session::Session(Role role, const SessionLimits& limits, Owner& owner)
    : role_(role),
      limits_(limits),
      owner_(owner),
      resets_(reset_burst, resets_a_second),
      glitches_(glitch_burst, glitches_a_second) {
  nghttp2_option* raw = nullptr;
  nghttp2_option_new(&raw);
  const std::unique_ptr<nghttp2_option, Freed> option(raw);
  nghttp2_option_set_no_auto_window_update(raw, 1);
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_continuations(raw, most_continuations);
  nghttp2_option_set_max_settings(raw, most_settings);
  nghttp2_option_set_max_outbound_ack(raw, most_acks);
  nghttp2_option_set_stream_reset_rate_limit(raw, 4 * static_cast<std::uint64_t>(reset_burst),
                                             4 * static_cast<std::uint64_t>(resets_a_second));
  const bool is_server = role == Role::server;
  if (is_server)
    nghttp2_session_server_new2(&session_, Callbacks::all(), this, raw);
  else
    nghttp2_session_client_new2(&session_, Callbacks::all(), this, raw);
  submit_settings();
}

void Session::submit_settings() {
  std::vector<nghttp2_settings_entry> entries = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, first_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.header_bytes)},
  };
  if (role_ == Role::server) {
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams});
    entries.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
  } else {
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 0});
  }
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  // One stuck stream must not stall the others: the connection's window never closes.
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, connection_window);
}

Session::~Session() {
  while (Stream* stream = streams_.front()) detach(*stream);
  nghttp2_session_del(session_);
}

bool Session::receive(const Bytes& input) {
  if (is_terminated_) return false;
  input_ = &input;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  input_ = nullptr;
  if (taken < 0 && !is_terminated_) terminate(Code::protocol_error);
  return !is_terminated_;
}

void Session::touch(Stream& stream) {
  if (stream.readable.has_waiter()) stream.readable.set();
}

// A message that breaks the rules ends its stream, not the connection (level-two proxies).
void Session::flaw(Stream& stream, std::uint32_t code) {
  stream.is_flawed = true;
  stream.data.clear();
  stream.next_data = 0;
  reset(stream, code);
}

void Session::sin(double cost) {
  if (!glitches_.spend(owner_.loop().now(), cost)) terminate(Code::enhance_your_calm);
}

void Session::take_events() {
  // What follows from an event may come back here: each is told once.
  while (next_event_ < events_.size()) {
    const Event event = events_[next_event_++];
    switch (event.kind) {
      case Event::Kind::head:
        if (event.stream) owner_.on_head(*event.stream);
        break;
      case Event::Kind::closed:
        if (event.stream) owner_.on_closed(*event.stream);
        break;
      case Event::Kind::goaway:
        owner_.on_goaway();
        break;
      case Event::Kind::settings:
        owner_.on_settings();
        break;
    }
  }
  events_.clear();
  next_event_ = 0;
}

bool Session::wants_to_send() const { return nghttp2_session_want_write(session_) != 0; }

bool Session::is_over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool Session::send(net::Transport& transport) {
  output_ = &transport;
  bool is_any = false;
  while (transport.unsent() < most_unsent) {
    const std::uint8_t* frames = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &frames);
    if (size < 0) is_terminated_ = true;
    if (size <= 0) break;
    is_any = true;
    transport.queue(view(frames, static_cast<std::size_t>(size)));
  }
  output_ = nullptr;
  return is_any;
}

// What nghttp2 refers to without a copy is kept by the stream until the frame is out.
void Session::respond(Stream& stream, const http::Response& response, bool ends) {
  stream.held = response.headers;
  stream.held_text = std::to_string(response.status);
  std::vector<nghttp2_nv>& fields = scratch();
  fields.push_back(field(":status", stream.held_text, no_copy));
  append(fields, stream.held);
  const nghttp2_data_provider provider = Callbacks::provider(stream);
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(),
                          ends ? nullptr : &provider);
  const nghttp2_extpri incremental{3, 1};
  nghttp2_session_change_extpri_stream_priority(session_, stream.id,
                                                const_cast<nghttp2_extpri*>(&incremental), 1);
}

void Session::send_interim(Stream& stream, int status, const Headers& headers) {
  const std::string code = std::to_string(status);
  std::vector<nghttp2_nv>& fields = scratch();
  fields.push_back(field(":status", code, 0));
  for (const Headers::Field each : headers) fields.push_back(field(each.name, each.value, 0));
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(),
                         fields.size(), nullptr);
}

bool Session::request(Stream& stream, const http::RequestHead& head, bool ends) {
  stream.held = head.headers;
  stream.held_text.clear();
  stream.held_text.append(head.method_text()).append(head.scheme).append(head.authority);
  stream.held_text.append(head.path);
  std::string_view rest = stream.held_text;
  const auto take = [&rest](std::size_t size) {
    const std::string_view text = rest.substr(0, size);
    rest.remove_prefix(size);
    return text;
  };
  std::vector<nghttp2_nv>& fields = scratch();
  fields.push_back(field(":method", take(head.method_text().size()), no_copy));
  fields.push_back(field(":scheme", take(head.scheme.size()), no_copy));
  fields.push_back(field(":authority", take(head.authority.size()), no_copy));
  fields.push_back(field(":path", take(head.path.size()), no_copy));
  append(fields, stream.held);
  if (head.accepts_trailers) fields.push_back(field("te", "trailers", no_copy));
  const nghttp2_data_provider provider = Callbacks::provider(stream);
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                                 ends ? nullptr : &provider, &stream);
  if (id < 0) return false;
  stream.id = id;
  streams_.push_back(stream);
  ++stream_count_;
  return true;
}

void Session::resume(Stream& stream) {
  if (!std::exchange(stream.is_deferred, false) || stream.closed) return;
  nghttp2_session_resume_data(session_, stream.id);
}

void Session::consumed(Stream& stream, std::size_t bytes) {
  if (stream.closed) return;
  grow_window(stream);
  nghttp2_session_consume_stream(session_, stream.id, bytes);
}

// A stream whose reader keeps up gets a larger window, while there is room for such.
void Session::grow_window(Stream& stream) {
  const std::int32_t window =
      nghttp2_session_get_stream_effective_local_window_size(session_, stream.id);
  if (window < 0 || window >= grown_window || stream.has_ended) return;
  if (stream_count_ * static_cast<std::size_t>(grown_window) > window_budget) return;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream.id, grown_window);
}

void Session::reset(Stream& stream, std::uint32_t code) {
  if (stream.closed || stream.id == 0) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
}

void Session::reset_when_sent(Stream& stream) {
  stream.resets_when_sent = true;
  if (stream.is_end_sent) reset(stream, NGHTTP2_NO_ERROR);
}

void Session::detach(Stream& stream) {
  for (Event& event : events_)
    if (event.stream == &stream) event.stream = nullptr;
  if (!stream.is_linked()) return;
  stream.unlink();
  --stream_count_;
  nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
}

void Session::announce_shutdown() { nghttp2_submit_shutdown_notice(session_); }

void Session::shutdown() {
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

void Session::terminate(Code code) {
  if (std::exchange(is_terminated_, true)) return;
  nghttp2_session_terminate_session(session_, static_cast<std::uint32_t>(code));
}

void Session::ping() {
  ++pings_;
  nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr);
}

std::uint32_t Session::peer_stream_limit() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

}  // namespace http2
