#include "proxy/http2/session.hpp"

#include "proxy/http2/session_callbacks.hpp"
#include "proxy/http2/session_memory.hpp"

#include <nghttp2/nghttp2.h>

namespace http2 {
namespace {

using base::Bytes;
using http::Headers;

constexpr std::uint32_t first_window = 64 * 1024;
constexpr std::int32_t grown_window = 1024 * 1024;
constexpr std::uint64_t read_before_growth = 16 * 1024;  // by a reader that keeps up
constexpr std::size_t most_granted = 64 * 1024 * 1024;   // of a thread's grown windows
constexpr std::int32_t connection_window = 0x7fffffff;
// Eight; nghttp2 counts one again with each piece in which its header comes, at most nine.
constexpr std::size_t most_continuations = 8 * 9;
constexpr std::size_t most_settings = 32;
constexpr std::size_t most_acks = 1000;
constexpr std::size_t most_sent_headers = 256 * 1024;
// Of a server, each of whose many connections keeps it, also at rest: in time it is full, of dates and
// the like, and a byte of it costs three of memory. Some twenty fields that stay the same have room.
constexpr std::size_t table_of_sent_fields = 2 * 1024;
// nghttp2's own budget of resets knows nothing of their share: ours is the one that counts.
constexpr std::uint64_t unlimited = 0xffffffff;
constexpr std::uint8_t no_copy = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;

struct Freed {
  void operator()(nghttp2_option* it) const { nghttp2_option_del(it); }
};

std::size_t& granted_by_thread() {
  thread_local std::size_t bytes = 0;
  return bytes;
}

nghttp2_nv field(std::string_view name, std::string_view value, std::uint8_t flags) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), flags};
}

// Reused by all sessions of a thread.
std::vector<nghttp2_nv>& scratch() {
  thread_local std::vector<nghttp2_nv> fields;
  fields.clear();
  return fields;
}

void append(std::vector<nghttp2_nv>& fields, const Headers& headers, std::uint8_t flags) {
  for (const Headers::Field each : headers) fields.push_back(field(each.name, each.value, flags));
}

}  // namespace

Session::Session(net::Role role, const SessionLimits& limits, Owner& owner, Trust trust)
    : memory_(std::make_unique<SessionMemory>()),
      role_(role),
      limits_(limits),
      owner_(owner),
      conduct_(trust) {
  nghttp2_option* raw = nullptr;
  nghttp2_option_new(&raw);
  const std::unique_ptr<nghttp2_option, Freed> option(raw);
  nghttp2_option_set_no_auto_window_update(raw, 1);
  nghttp2_option_set_no_closed_streams(raw, 1);
  nghttp2_option_set_max_continuations(raw, most_continuations);
  nghttp2_option_set_max_settings(raw, most_settings);
  nghttp2_option_set_max_outbound_ack(raw, most_acks);
  nghttp2_option_set_max_send_header_block_length(raw, most_sent_headers);
  nghttp2_option_set_stream_reset_rate_limit(raw, unlimited, unlimited);
  if (role == net::Role::server)
    nghttp2_option_set_max_deflate_dynamic_table_size(raw, table_of_sent_fields);
  nghttp2_mem memory = memory_->interface();
  if (role == net::Role::server)
    nghttp2_session_server_new3(&session_, Callbacks::all(), this, raw, &memory);
  else
    nghttp2_session_client_new3(&session_, Callbacks::all(), this, raw, &memory);
  submit_settings();
}

void Session::submit_settings() {
  std::vector<nghttp2_settings_entry> entries = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, first_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(limits_.header_bytes)},
  };
  if (role_ == net::Role::server) {
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits_.streams});
    entries.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
    entries.push_back({NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1});
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

// --- bytes in, frames out ---

bool Session::receive(const Bytes& input) {
  if (is_terminated_) return false;
  const std::size_t passed = role_ == net::Role::server ? scan_.pass(input.view()) : input.size();
  input_ = &input;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const std::uint8_t*>(input.data()), passed);
  input_ = nullptr;
  if (taken == NGHTTP2_ERR_FLOODED)
    terminate(Code::enhance_your_calm);
  else if (taken < 0)
    terminate(Code::protocol_error);
  else if (passed < input.size())
    terminate(scan_.breach());
  return !is_terminated_;
}

void Session::take_events() {
  // What follows from an event may come back here: each is told once.
  while (next_event_ < events_.size()) {
    const Event event = events_[next_event_++];
    switch (event.kind) {
      case Event::Kind::head:
        if (event.stream && !is_terminated_) owner_.on_head(*event.stream);
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
      case Event::Kind::pong:
        owner_.on_pong();
        break;
    }
  }
  events_.clear();
  next_event_ = 0;
}

bool Session::wants_to_send() const {
  return nghttp2_session_want_write(session_) != 0;
}

void Session::rest() {
  if (stream_count_ > 0 || wants_to_send()) return;
  memory_->rest();
  if (events_.empty()) events_.shrink_to_fit();
}

bool Session::is_over() const {
  return nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
}

bool Session::send(Output& output) {
  output_ = &output;
  bool is_any = false;
  while (output.unsent() < output.most_unsent) {
    const std::uint8_t* frames = nullptr;
    const std::size_t before = output.unsent();
    const ssize_t size = nghttp2_session_mem_send(session_, &frames);
    if (size > 0)
      output.queue({reinterpret_cast<const char*>(frames), static_cast<std::size_t>(size)});
    is_any = is_any || output.unsent() > before;
    if (size < 0) terminate(Code::internal_error);
    if (size <= 0) break;
  }
  output_ = nullptr;
  return is_any;
}

// --- messages ---
// What nghttp2 refers to without a copy is kept by the stream until the frame is out.

void Session::respond(Stream& stream, const http::Response& response, bool ends) {
  if (stream.closed) return;
  stream.is_answered = true;
  stream.sent_headers_ = response.headers;
  stream.sent_status_ = std::to_string(response.status);
  std::vector<nghttp2_nv>& fields = scratch();
  fields.push_back(field(":status", stream.sent_status_, no_copy));
  append(fields, stream.sent_headers_, no_copy);
  const nghttp2_data_provider provider = Callbacks::provider();
  nghttp2_submit_response(session_, stream.id, fields.data(), fields.size(),
                          ends ? nullptr : &provider);
  if (ends) return;
  // Else one download would starve its siblings.
  nghttp2_extpri incremental{3, 1};
  nghttp2_session_change_extpri_stream_priority(session_, stream.id, &incremental, 1);
}

void Session::send_interim(Stream& stream, int status, const Headers& headers) {
  if (stream.closed) return;
  const std::string code = std::to_string(status);
  std::vector<nghttp2_nv>& fields = scratch();
  fields.push_back(field(":status", code, NGHTTP2_NV_FLAG_NONE));
  append(fields, headers, NGHTTP2_NV_FLAG_NONE);
  nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, stream.id, nullptr, fields.data(),
                         fields.size(), nullptr);
}

bool Session::request(Stream& stream, const http::RequestHead& head, bool ends) {
  stream.sent_headers_ = head.headers;
  stream.sent_method_ = head.other_method;
  stream.sent_authority_ = head.authority;
  stream.sent_path_ = head.path;
  std::vector<nghttp2_nv>& fields = scratch();
  // The other values are text of the program.
  const auto add = [&](std::string_view name, std::string_view value) {
    fields.push_back(field(name, value, no_copy));
  };
  add(":method", head.protocol.empty() ? head.method_text() : "CONNECT");
  if (!head.protocol.empty()) add(":protocol", head.protocol);
  add(":scheme", head.scheme);
  if (!head.authority.empty()) add(":authority", head.authority);
  add(":path", head.path);
  append(fields, stream.sent_headers_, no_copy);
  if (head.accepts_trailers) fields.push_back(field("te", "trailers", no_copy));
  const nghttp2_data_provider provider = Callbacks::provider();
  const std::int32_t id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                                 ends ? nullptr : &provider, &stream);
  if (id < 0) return false;
  stream.id = id;
  streams_.push_back(stream);
  ++stream_count_;
  conduct_.stream_opened();
  return true;
}

void Session::resume(Stream& stream) {
  if (stream.closed || !std::exchange(stream.is_deferred_, false)) return;
  if (stream.output_has_ended && stream.held_output_ == 0 && !stream.output_trailers.empty())
    return submit_trailers(stream);  // no empty DATA before them
  nghttp2_session_resume_data(session_, stream.id);
}

void Session::submit_trailers(Stream& stream) {
  std::vector<nghttp2_nv>& fields = scratch();
  append(fields, stream.output_trailers, NGHTTP2_NV_FLAG_NONE);
  nghttp2_submit_trailer(session_, stream.id, fields.data(), fields.size());
}

// --- windows ---

void Session::consumed(Stream& stream, std::size_t bytes) {
  if (stream.closed) return;
  stream.consumed_ += bytes;
  if (!stream.has_ended) grow_window(stream);
  nghttp2_session_consume_stream(session_, stream.id, bytes);
}

void Session::expect(Stream& stream, std::uint64_t bytes) {
  expected_ += bytes - std::exchange(stream.expected_, bytes);
}

// A stream whose reader keeps up gets a larger window, while there is room for such.
void Session::grow_window(Stream& stream) {
  if (stream.granted_ > 0 || stream.consumed_ < read_before_growth) return;
  if (granted_by_thread() + grown_window > most_granted) return;
  stream.granted_ = grown_window;
  granted_by_thread() += stream.granted_;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream.id, grown_window);
}

void Session::give_window_back(Stream& stream) {
  granted_by_thread() -= std::exchange(stream.granted_, 0);
}

// --- the end of a stream ---

void Session::reset(Stream& stream, std::uint32_t code) {
  if (stream.closed || stream.id == 0 || std::exchange(stream.is_reset_wanted, true)) return;
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, code);
}

void Session::reset_when_sent(Stream& stream) {
  stream.resets_when_sent_ = true;
  if (stream.is_end_sent) reset(stream, Code::no_error);
}

// A message that breaks the rules ends its stream, not the connection: others share it.
void Session::reject(Stream& stream, std::string_view why, Code code) {
  note_rejection(stream, why);
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id,
                            static_cast<std::uint32_t>(code));
}

// Of a request there is to be a trace, also if it never came to be one.
void Session::note_rejection(Stream& stream, std::string_view why) {
  if (!stream.rejected_for.empty()) return;
  stream.rejected_for = why;
  stream.is_reset_wanted = true;
  stream.ignore_data();
  if (role_ == net::Role::server && !stream.has_head)
    events_.push_back({Event::Kind::head, &stream});
}

void Session::detach(Stream& stream) {
  for (Event& event : events_)
    if (event.stream == &stream) event.stream = nullptr;
  give_window_back(stream);
  expect_no_more(stream);
  if (!stream.is_linked()) return;
  stream.unlink();
  --stream_count_;
  nghttp2_session_set_stream_user_data(session_, stream.id, nullptr);
}

// --- the connection ---

// Others may share the connection with those who waste: what is open goes on, and only what is new
// must find another way.
void Session::charge_waste() {
  if (conduct_.waste(now()) || std::exchange(refuses_streams_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_),
                        NGHTTP2_ENHANCE_YOUR_CALM, nullptr, 0);
  events_.push_back({Event::Kind::goaway, nullptr});
}

void Session::announce_shutdown() {
  nghttp2_submit_shutdown_notice(session_);
}

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

bool Session::peer_takes_upgrades() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) ==
         1;
}

std::uint32_t Session::peer_stream_limit() const {
  return nghttp2_session_get_remote_settings(session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

}  // namespace http2
