// nghttp2's view of a Session: the callbacks that fill streams and queue events. For session.cpp
// only.
#pragma once

#include "proxy/http2/session.hpp"

#include <nghttp2/nghttp2.h>

namespace http2 {

inline constexpr double refused_cost = 0.2;  // of a stream that we refuse, as a glitch

inline std::string_view view(const std::uint8_t* text, std::size_t size) {
  return {reinterpret_cast<const char*>(text), size};
}

inline bool ends_stream(const nghttp2_frame& frame) {
  return frame.hd.flags & NGHTTP2_FLAG_END_STREAM;
}

struct Callbacks {
  static const nghttp2_session_callbacks* all();
  // Reads the output of the stream that nghttp2 knows by its number; it is looked up each time, for
  // it may be gone.
  static nghttp2_data_provider provider();

  static Session& of(void* user) { return *static_cast<Session*>(user); }
  static Stream* find(Session& session, std::int32_t id);

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t flags, void* user);
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t,
                               void* user);
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* header, void* user);
  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_data(nghttp2_session*, std::uint8_t flags, std::int32_t id,
                     const std::uint8_t* data, std::size_t size, void* user);
  static int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user);
  static int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user);
  static int on_frame_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user);
  static int on_invalid_frame(nghttp2_session*, const nghttp2_frame*, int, void* user);
  static ssize_t read_output(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t size,
                             std::uint32_t* flags, nghttp2_data_source*, void* user);
  static int send_data(nghttp2_session*, nghttp2_frame* frame, const std::uint8_t* header,
                       std::size_t size, nghttp2_data_source*, void* user);

 private:
  static int refuse_stream(nghttp2_session* raw, std::int32_t id);
  static int refuse_section(Session& session, Stream& stream, std::string_view why);
  static void take_frame(Session& session, const nghttp2_frame* frame);
  static void on_section(Session& session, Stream& stream);
  static void on_ping(Session& session, bool is_ack);
  static void on_reset(Session& session, Stream* stream);
  static void on_reset_sent(Session& session, const Stream* stream, std::uint32_t code);
};

}  // namespace http2
