// What an HTTP/2 session makes of its peer's bytes, as text. Nothing is answered before all have
// come and time stands still: so the verdict is the same however the bytes are cut.
#pragma once

#include "proxy/base/loop.hpp"
#include "proxy/http2/session.hpp"
#include "tests/fuzz/pieces.hpp"

#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace fuzz {

inline http::RequestHead request_of(http::Method method) {
  http::RequestHead head;
  head.method = method;
  head.scheme = "http";
  head.authority = "a.test";
  head.path = "/";
  return head;
}

// RFC 9113 6.5.2.
inline std::size_t counted_bytes(const http::Headers& headers) {
  std::size_t bytes = 0;
  for (const http::Headers::Field field : headers)
    bytes += field.name.size() + field.value.size() + 32;
  return bytes;
}

inline std::string text_of(const http::Headers& headers) {
  std::string text;
  for (const http::Headers::Field field : headers)
    text.append("|").append(field.name).append("=").append(field.value);
  return text;
}

class SessionVerdict final : http2::Session::Owner, http2::Session::Output {
 public:
  SessionVerdict(net::Role role, const http2::SessionLimits& limits)
      : role_(role), limits_(limits), session_(role, limits, *this) {
    if (role == net::Role::client) ask();
  }

  std::string of(const std::vector<std::string_view>& pieces) {
    for (const std::string_view piece : pieces)
      if (!session_.receive(base::Bytes::copy_of(piece))) break;
    session_.take_events();
    send();
    session_.take_events();
    check_frames();
    // Behind the peer's farewell more is read or not, as it comes.
    if (has_goaway_) return "farewell";
    std::string text = session_.is_over() ? "over" : "open";
    for (Each& stream : streams_) text += "\n  " + text_of(stream);
    if (session_.has_violation()) text += " violation";
    for (const char c : sent_) text += " " + std::to_string(static_cast<unsigned char>(c));
    return text;
  }

 private:
  struct Each final : http2::Stream {
    using Stream::Stream;
  };

  void ask() {
    for (const http::Method method :
         {http::Method::get, http::Method::post, http::Method::head, http::Method::post}) {
      Each& stream = streams_.emplace_back(loop_);
      const bool is_post = method == http::Method::post;
      stream.output_has_ended = streams_.size() < 4;
      if (is_post) stream.hold_output(base::Bytes::copy_of("0123456789"));
      require(session_.request(stream, request_of(method), !is_post), "a request is taken");
    }
    send();
    sent_.clear();
  }

  void send() {
    while (session_.send(*this)) is_sent_ = sent_.size();
    is_sent_ = sent_.size();
  }

  // What of a message that failed had come before is of no account.
  std::string text_of(Each& stream) const {
    const http2::Section& head = stream.head;
    check_section(head, stream);
    std::string text = std::to_string(stream.id) + (stream.has_head ? " head " : " - ");
    if (stream.closed) text += "closed " + std::to_string(*stream.closed) + " ";
    if (!stream.rejected_for.empty()) text += "flawed ";
    if (stream.is_reset_by_peer) text += "reset ";
    text += std::to_string(stream.interim.size()) + " " + std::to_string(head.status) + " " +
            head.method + " " + head.scheme + "://" + std::string(head.authority) + " " +
            std::string(head.path);
    if (head.is_too_large) text += " large";
    if (head.is_target_too_long) text += " long";
    text += fuzz::text_of(head.headers);
    const bool has_failed = !stream.rejected_for.empty() || session_.has_violation();
    if (has_failed || (stream.closed && *stream.closed != 0)) return text;
    if (stream.has_ended) text += " ended" + fuzz::text_of(stream.trailers);
    while (stream.has_data()) text += stream.take_data().view();
    return text;
  }

  void check_section(const http2::Section& head, const Each& stream) const {
    require(counted_bytes(head.headers) <= limits_.header_bytes + 64,
            "no more fields than allowed");
    require(head.path.size() <= limits_.target_bytes, "no longer path than allowed");
    require(counted_bytes(stream.trailers) <= limits_.trailer_bytes,
            "no more trailers than allowed");
    require(stream.interim.size() <= 16, "a few interim responses");
    for (const http::Headers::Field field : head.headers)
      require(!field.name.empty() && field.name.front() != ':' &&
                  field.value.find_first_of(std::string_view("\r\n\0", 3)) == field.value.npos,
              "clean fields");
  }

  // What we say is a sequence of whole frames, none larger than any peer must take.
  void check_frames() const {
    std::string_view rest = sent_;
    while (!rest.empty()) {
      require(rest.size() >= 9, "a frame's header");
      std::size_t size = 0;
      for (std::size_t i = 0; i < 3; ++i) size = size << 8 | static_cast<unsigned char>(rest[i]);
      require(size <= 16384 && rest.size() >= 9 + size, "a whole frame");
      rest.remove_prefix(9 + size);
    }
  }

  http2::Stream* make_stream() override {
    require(role_ == net::Role::server, "only a client opens streams");
    return &streams_.emplace_back(loop_);
  }
  void on_head(http2::Stream& stream) override {
    const bool is_told = stream.has_head || !stream.rejected_for.empty();
    require(is_told && stream.id % 2 == 1, "a request");
  }
  void on_closed(http2::Stream& stream) override { require(stream.closed.has_value(), "closed"); }
  void on_goaway() override { has_goaway_ = true; }
  void on_settings() override {}
  void on_pong() override {}
  base::Loop& loop() const override { return loop_; }

  void queue(std::string_view frames) override { sent_ += frames; }
  void queue(base::Bytes piece) override { sent_ += piece.view(); }
  std::size_t unsent() const override { return sent_.size() - is_sent_; }

  mutable base::Loop loop_{base::Time{std::chrono::hours{1}}};
  net::Role role_;
  http2::SessionLimits limits_;
  std::deque<Each> streams_;
  std::string sent_;
  std::size_t is_sent_ = 0;  // of it
  bool has_goaway_ = false;
  http2::Session session_;
};

}  // namespace fuzz
