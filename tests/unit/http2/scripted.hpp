// The other end of a connection of ours, frame by frame: says what the test wants, however wrong,
// and keeps what came back. It does nothing by itself; SETTINGS and PING are not acknowledged. In
// the loop of the connection under test.
#pragma once

#include "tests/unit/http2/pair.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace http2_test {

enum Type : std::uint8_t {
  data,
  headers,
  priority,
  rst_stream,
  settings,
  push_promise,
  ping,
  goaway,
  window_update,
  continuation
};
constexpr std::uint8_t end_stream = 1, ack = 1, end_headers = 4;
constexpr std::uint32_t enhance_your_calm = 11;
constexpr std::uint32_t most_streams_setting = 3, window_setting = 4;
constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

struct Frame {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
  std::string payload;
};

inline std::string number(std::uint32_t value, std::size_t bytes = 4) {
  std::string text;
  while (bytes > 0) text += static_cast<char>(value >> (8 * --bytes) & 0xff);
  return text;
}

inline std::uint32_t number_at(std::string_view text, std::size_t at, std::size_t bytes = 4) {
  std::uint32_t value = 0;
  for (; bytes > 0; --bytes) value = value << 8 | static_cast<unsigned char>(text.at(at++));
  return value;
}

inline std::string frame(Type type, int flags, std::uint32_t stream,
                         std::string_view payload = {}) {
  std::string text = number(static_cast<std::uint32_t>(payload.size()), 3);
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  return text.append(number(stream)).append(payload);
}

inline std::string setting(std::uint32_t id, std::uint32_t value) {
  return frame(settings, 0, 0, number(id, 2) + number(value));
}
inline std::string reset(std::uint32_t stream, std::uint32_t code) {
  return frame(rst_stream, 0, stream, number(code));
}
inline std::string goaway_frame(std::uint32_t last, std::uint32_t code) {
  return frame(goaway, 0, 0, number(last) + number(code));
}
inline std::string window(std::uint32_t stream, std::uint32_t more) {
  return frame(window_update, 0, stream, number(more));
}
inline std::string repeated(std::string_view text, int count) {
  std::string all;
  while (count-- > 0) all += text;
  return all;
}

// HPACK: a literal without indexing.
inline std::string field(std::string_view name, std::string_view value) {
  const auto text = [](std::string_view of) {
    std::string coded(1, static_cast<char>(std::min<std::size_t>(of.size(), 127)));
    if (of.size() >= 127) {
      std::size_t rest = of.size() - 127;
      for (; rest >= 128; rest /= 128) coded += static_cast<char>(rest % 128 + 128);
      coded += static_cast<char>(rest);
    }
    return coded.append(of);
  };
  return std::string(1, '\0') + text(name) + text(value);
}

// A header section in as many frames as it needs.
inline std::string section(std::uint32_t stream, std::string_view block, bool ends) {
  std::string frames;
  Type type = headers;
  do {
    const std::string_view part = block.substr(0, 16384);
    block.remove_prefix(part.size());
    const bool ends_here = ends && type == headers;
    frames +=
        frame(type, (ends_here ? end_stream : 0) | (block.empty() ? end_headers : 0), stream, part);
    type = continuation;
  } while (!block.empty());
  return frames;
}

inline std::string request_block(std::string_view method = "GET", std::string_view path = "/") {
  return field(":method", method) + field(":scheme", "http") + field(":authority", "a.test") +
         field(":path", path);
}
inline std::string a_get(std::uint32_t stream) {
  return section(stream, request_block(), true);
}
inline std::string a_post(std::uint32_t stream) {
  return section(stream, request_block("POST"), false);
}
inline std::string an_ok(std::uint32_t stream, bool ends) {
  return section(stream, "\x88", ends);
}

class Scripted {
 public:
  explicit Scripted(base::EventLoop& loop) : loop_(loop) {}
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;
  ~Scripted() { close(); }

  void take(int descriptor) { descriptor_ = descriptor; }
  void say(std::string_view bytes) {
    REQUIRE(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(bytes.size()));
  }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }
  // Turns until such a frame has come.
  template <typename Predicate> bool hears(Predicate is_it) {
    return turn_until(loop_, [&] {
      hear();
      return std::any_of(heard.begin(), heard.end(), is_it);
    });
  }
  bool hears(Type type, std::uint32_t stream) {
    return hears([=](const Frame& it) { return it.type == type && it.stream == stream; });
  }
  bool hears_goaway(std::uint32_t code) {
    return hears(
        [=](const Frame& it) { return it.type == goaway && number_at(it.payload, 4) == code; });
  }
  std::uint32_t goaway_code() const {
    for (const Frame& it : heard)
      if (it.type == goaway) return number_at(it.payload, 4);
    return 0;
  }
  bool hears_reset(std::uint32_t stream, std::uint32_t code) {
    return hears([=](const Frame& it) {
      return it.type == rst_stream && it.stream == stream && number_at(it.payload, 0) == code;
    });
  }
  // Everything that was said has been dealt with, and its consequences have come back.
  bool is_in_step() {
    const std::string mark = number(++marks_) + "mark";
    say(frame(ping, 0, 0, mark));
    return hears(
        [&](const Frame& it) { return it.type == ping && it.flags == ack && it.payload == mark; });
  }
  bool has_heard(Type type) const {
    return std::any_of(heard.begin(), heard.end(),
                       [=](const Frame& it) { return it.type == type; });
  }
  std::size_t data_bytes(std::uint32_t stream) const {
    std::size_t count = 0;
    for (const Frame& it : heard)
      if (it.type == data && it.stream == stream) count += it.payload.size();
    return count;
  }
  std::uint64_t granted(std::uint32_t stream) const {
    std::uint64_t count = 0;
    for (const Frame& it : heard)
      if (it.type == window_update && it.stream == stream) count += number_at(it.payload, 0);
    return count;
  }

  std::vector<Frame> heard;
  bool has_ended = false;  // the other side has closed

  void hear() {
    char room[65536];
    for (ssize_t got = 1; got > 0;) {
      got = ::recv(descriptor_, room, sizeof room, 0);
      if (got > 0) unread_.append(room, static_cast<std::size_t>(got));
      if (got == 0) has_ended = true;
    }
    if (unread_.starts_with(preface)) unread_.erase(0, preface.size());
    while (unread_.size() >= 9 && unread_.size() >= 9 + number_at(unread_, 0, 3)) {
      const std::size_t size = number_at(unread_, 0, 3);
      heard.push_back({static_cast<std::uint8_t>(unread_[3]), static_cast<std::uint8_t>(unread_[4]),
                       number_at(unread_, 5), unread_.substr(9, size)});
      unread_.erase(0, 9 + size);
    }
  }

 private:
  base::EventLoop& loop_;
  int descriptor_ = -1;
  std::uint32_t marks_ = 0;
  std::string unread_;
};

// Our server and a scripted client, which has said its preface.
struct ServerAlone : Serving {
  ~ServerAlone() override { server.reset(); }
  void join(std::string_view first = frame(settings, 0, 0)) {
    const Ends ends;
    peer.take(ends.other);
    serve(ends.one);
    peer.say(std::string(preface).append(first));
  }
  Scripted peer{loop};
};

struct OwnLoop {
  base::EventLoop loop;
};

// Our client and a scripted upstream.
struct ClientAlone : OwnLoop, Asking {
  ClientAlone() : Asking(loop) {}
  ~ClientAlone() override {
    tasks.cancel_all();
    exchanges.clear();
    client.reset();
  }
  void join(std::string_view first = frame(settings, 0, 0)) {
    const Ends ends;
    peer.take(ends.other);
    connect(ends.one);
    peer.say(first);
    REQUIRE(turn_until(loop, [&] { return limits_changed > 0; }));
  }
  // One that stops reading and goes away.
  void leave(Asked& asked) {
    asked.reading.cancel();
    asked.writing.cancel();
    loop.turn(base::Millis{0});
    asked.stream.reset();
  }
  Scripted peer{loop};
};

}  // namespace http2_test
