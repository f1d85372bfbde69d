// One end of an HTTP/2 connection for tests, frame by frame: says whatever it is told to, however
// wrong, and keeps what came back by stream. Nothing is validated, nothing is sent by itself but what
// keeps a connection going (acknowledged SETTINGS and PING, and windows, unless told not to). Blocking;
// one thread at a time. Header only.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/harness/socket.hpp"

namespace harness {

namespace h2 {

enum Type : std::uint8_t {
  data, headers, priority, rst_stream, settings, push_promise, ping, goaway, window_update, continuation
};
constexpr std::uint8_t end_stream = 1;
constexpr std::uint8_t ack = 1;
constexpr std::uint8_t end_headers = 4;
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

using Fields = std::vector<std::pair<std::string, std::string>>;

inline std::string number(std::uint32_t value) {
  std::string text(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) text[i] = static_cast<char>(value >> (24 - 8 * i) & 0xff);
  return text;
}

inline std::uint32_t number_at(std::string_view text, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4 && i < text.size(); ++i)
    value = value << 8 | static_cast<unsigned char>(text[i]);
  return value;
}

inline std::string frame(Type type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  std::string text = number(static_cast<std::uint32_t>(payload.size())).substr(1);
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  text += number(stream);
  return text.append(payload);
}

inline std::string setting(std::uint16_t id, std::uint32_t value) {
  return number(id).substr(2) + number(value);
}

struct Message {
  int status = 0;
  std::vector<int> interim;
  Fields fields;    // of the final head, or of the request
  Fields trailers;
  std::string body;
  bool has_ended = false;
  bool is_reset = false;
  std::uint32_t code = 0;  // of the reset

  bool is_over() const { return has_ended || is_reset; }
  std::string field(std::string_view name) const {
    for (const auto& [n, value] : fields)
      if (n == name) return value;
    return {};
  }
};

}  // namespace h2

class H2Peer {
 public:
  explicit H2Peer(Socket socket) : socket_(std::move(socket)) {
    nghttp2_hd_deflate_new(&deflater_, 4096);
    nghttp2_hd_inflate_new(&inflater_);
  }
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;
  ~H2Peer() {
    nghttp2_hd_deflate_del(deflater_);
    nghttp2_hd_inflate_del(inflater_);
  }

  // The client's first words, with room for big bodies.
  void greet() {
    socket_.send(std::string(h2::preface) +
                 h2::frame(h2::settings, 0, 0, h2::setting(4, 1 << 20)) +
                 h2::frame(h2::window_update, 0, 0, h2::number(1 << 24)));
  }
  // The server's; false = what came was not a client's preface.
  bool accept() {
    socket_.send(h2::frame(h2::settings, 0, 0, h2::setting(4, 1 << 20)) +
                 h2::frame(h2::window_update, 0, 0, h2::number(1 << 24)));
    return socket_.read_exactly(h2::preface.size()) == h2::preface;
  }

  Socket& socket() { return socket_; }
  bool send(std::string_view bytes) { return socket_.send(bytes); }
  std::string encode(const h2::Fields& fields) {
    std::vector<nghttp2_nv> list;
    for (const auto& [name, value] : fields)
      list.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), 0});
    std::string block(nghttp2_hd_deflate_bound(deflater_, list.data(), list.size()), '\0');
    const auto size = nghttp2_hd_deflate_hd(deflater_, bytes_of(block), block.size(), list.data(),
                                            list.size());
    block.resize(static_cast<std::size_t>(size));
    return block;
  }
  // HEADERS, with CONTINUATION as needed.
  std::string head(std::uint32_t stream, const h2::Fields& fields, bool ends) {
    std::string block = encode(fields);
    std::string frames;
    h2::Type type = h2::headers;
    do {
      const std::string part = block.substr(0, 16384);
      block.erase(0, part.size());
      const int flags = (ends && type == h2::headers ? h2::end_stream : 0) |
                        (block.empty() ? h2::end_headers : 0);
      frames += h2::frame(type, static_cast<std::uint8_t>(flags), stream, part);
      type = h2::continuation;
    } while (!block.empty());
    return frames;
  }
  static h2::Fields get(const std::string& path) {
    return {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", path}};
  }

  // Reads one frame; false = the connection is over.
  bool read() {
    const std::string start = socket_.read_exactly(9);
    if (start.size() < 9) return false;
    const std::size_t size = h2::number_at(start, 0) >> 8;
    const std::string payload = socket_.read_exactly(size);
    if (payload.size() < size) return false;
    take(static_cast<h2::Type>(start[3]), static_cast<std::uint8_t>(start[4]),
         h2::number_at(start, 5) & 0x7fffffff, payload);
    return true;
  }
  // Reads until the stream's message is over, or the connection.
  const h2::Message& wait_for(std::uint32_t stream) {
    while (!messages[stream].is_over() && read()) {
    }
    return messages[stream];
  }
  // Of fields that the peer has had it keep, as HPACK counts them.
  std::size_t table_size() const { return nghttp2_hd_inflate_get_dynamic_table_size(inflater_); }
  // Until the peer closes.
  void wait_for_end() {
    while (read()) {
    }
  }

  std::map<std::uint32_t, h2::Message> messages;
  std::vector<std::pair<std::uint16_t, std::uint32_t>> settings;
  bool has_goaway = false;
  std::uint32_t goaway_code = 0;
  std::uint32_t last_stream = 0;  // that the peer opened
  int settings_acks = 0;
  std::uint64_t credit = 0;       // the connection's window, as the peer gave it, beyond the first
  std::map<std::uint32_t, std::uint64_t> stream_credit;
  bool gives_windows = true;
  bool acks_settings = true;

 private:
  static std::uint8_t* bytes_of(const std::string& text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  }

  void take(h2::Type type, std::uint8_t flags, std::uint32_t stream, const std::string& payload) {
    h2::Message& message = messages[stream];
    switch (type) {
      case h2::data:
        message.body += payload;
        message.has_ended |= (flags & h2::end_stream) != 0;
        if (gives_windows && !payload.empty()) give_window(stream, payload.size());
        break;
      case h2::headers:
        last_stream = std::max(last_stream, stream);
        block_ = payload;
        block_ends_ = (flags & h2::end_stream) != 0;
        if (flags & h2::end_headers) finish_head(message);
        break;
      case h2::continuation:
        block_ += payload;
        if (flags & h2::end_headers) finish_head(message);
        break;
      case h2::rst_stream:
        message.is_reset = true;
        message.code = h2::number_at(payload, 0);
        break;
      case h2::settings: take_settings(flags, payload); break;
      case h2::ping:
        if (!(flags & h2::ack)) send(h2::frame(h2::ping, h2::ack, 0, payload));
        break;
      case h2::goaway:
        has_goaway = true;
        goaway_code = h2::number_at(payload, 4);
        break;
      case h2::window_update:
        (stream == 0 ? credit : stream_credit[stream]) += h2::number_at(payload, 0);
        break;
      default: break;
    }
  }

  void take_settings(std::uint8_t flags, const std::string& payload) {
    if (flags & h2::ack) {
      ++settings_acks;
      return;
    }
    for (std::size_t at = 0; at + 6 <= payload.size(); at += 6)
      settings.emplace_back(h2::number_at(payload, at) >> 16,
                            h2::number_at(payload, at + 2));
    if (acks_settings) send(h2::frame(h2::settings, h2::ack, 0));
  }

  void give_window(std::uint32_t stream, std::size_t size) {
    const std::string increment = h2::number(static_cast<std::uint32_t>(size));
    send(h2::frame(h2::window_update, 0, 0, increment) +
         h2::frame(h2::window_update, 0, stream, increment));
  }

  void finish_head(h2::Message& message) {
    h2::Fields fields = decode();
    message.has_ended |= block_ends_;
    int status = 0;
    if (!fields.empty() && fields.front().first == ":status")
      status = std::atoi(fields.front().second.c_str());
    if (status >= 100 && status < 200)
      message.interim.push_back(status);
    else if (!message.fields.empty())
      message.trailers = std::move(fields);
    else {
      message.status = status;
      message.fields = std::move(fields);
    }
  }

  h2::Fields decode() {
    h2::Fields fields;
    std::string_view rest = block_;
    for (;;) {
      nghttp2_nv field{};
      int flags = 0;
      const auto used = nghttp2_hd_inflate_hd2(
          inflater_, &field, &flags, reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size(), 1);
      if (used < 0) throw std::runtime_error("bad HPACK");
      rest.remove_prefix(static_cast<std::size_t>(used));
      if (flags & NGHTTP2_HD_INFLATE_EMIT)
        fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                            std::string(reinterpret_cast<char*>(field.value), field.valuelen));
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return fields;
  }

  Socket socket_;
  nghttp2_hd_deflater* deflater_ = nullptr;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string block_;
  bool block_ends_ = false;
};

}  // namespace harness
