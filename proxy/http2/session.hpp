// One HTTP/2 connection's protocol (RFC 9113), either side: an owner of an nghttp2 session. Bytes
// go in by receive(), frames come out to an Output by send(); it knows no socket. nghttp2's
// callbacks only fill the streams' fields and queue events; what follows from them is told by
// take_events(). The only user of nghttp2. Loop's thread.
#pragma once

#include "proxy/http/stream.hpp"
#include "proxy/http2/code.hpp"
#include "proxy/http2/conduct.hpp"
#include "proxy/http2/frame_scan.hpp"
#include "proxy/http2/stream.hpp"
#include "proxy/net/role.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace http2 {

class SessionMemory;

class Session {
 public:
  // Told by take_events(), never from inside nghttp2.
  class Owner {
   public:
    // A request's HEADERS began (server): a stream for them, which the owner keeps. Called from
    // inside nghttp2: it may only make one.
    virtual Stream* make_stream() = 0;
    // Server: a request is there, or was rejected before it was.
    virtual void on_head(Stream& stream) = 0;
    virtual void on_closed(Stream& stream) = 0;  // of no more interest to the session
    virtual void on_goaway() = 0;                // the peer's; or ours, to one that went too far
    virtual void on_settings() = 0;
    virtual void on_pong() = 0;  // all PINGs are answered
    virtual base::Loop& loop() const = 0;

   protected:
    ~Owner() = default;
  };

  // Where frames go.
  class Output {
   public:
    virtual void queue(std::string_view frames) = 0;
    virtual void queue(base::Bytes piece) = 0;
    virtual std::size_t unsent() const = 0;  // of what was queued

    std::size_t most_unsent = 256 * 1024;  // no more frames are made beyond it
    std::size_t copied_at_most = 1024;     // of a piece; a larger one is queued as it is

   protected:
    ~Output() = default;
  };

  Session(net::Role role, const SessionLimits& limits, Owner& owner, Trust trust = Trust::none);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Feeds what was read. False: the session is over; what send() still has is to be sent.
  bool receive(const base::Bytes& input);
  void take_events();
  // Makes frames until there is nothing to send, or much is unsent. False: there was nothing.
  bool send(Output& output);
  bool wants_to_send() const;
  // Nothing is open or under way, and will not be for a while: does with less memory until then.
  void rest();
  // Nothing more will be received or sent.
  bool is_over() const;

  // A stream's user; what is asked of a closed stream is ignored.
  void respond(Stream& stream, const http::Response& response, bool ends);
  void send_interim(Stream& stream, int status, const http::Headers& headers);
  bool request(Stream& stream, const http::RequestHead& head, bool ends);
  void resume(Stream& stream);                       // there is output, or its end
  void consumed(Stream& stream, std::size_t bytes);  // by the reader: gives the window back
  void reset(Stream& stream, std::uint32_t code);
  void reset(Stream& stream, Code code) { reset(stream, static_cast<std::uint32_t>(code)); }
  void reset_when_sent(Stream& stream);  // NO_ERROR, once END_STREAM is out
  void detach(Stream& stream);           // it is going away; the session forgets it

  void announce_shutdown();   // GOAWAY that still lets everything in (server)
  void shutdown();            // GOAWAY with the last stream
  void terminate(Code code);  // GOAWAY, and nothing more is received
  void ping();
  bool is_ping_answered() const { return pings_ == 0; }
  std::uint32_t peer_stream_limit() const;
  bool has_settings() const { return has_settings_; }
  bool peer_takes_upgrades() const;  // by extended CONNECT; as its SETTINGS say
  std::uint32_t open_streams() const { return stream_count_; }
  // Of the bodies under way, as far as their length is known: so many bytes are still to come.
  std::uint64_t expected() const { return expected_; }
  // The peer broke the protocol, or did too much of something: we have said GOAWAY.
  bool has_violation() const { return has_violation_; }
  // A header section began then, and has not ended; `never` = none is under way.
  base::Time section_begun() const { return section_begun_; }

 private:
  friend struct Callbacks;

  void reject(Stream& stream, std::string_view why, Code code = Code::protocol_error);
  void note_rejection(Stream& stream, std::string_view why);
  void end_unless(bool is_tolerable) {
    if (!is_tolerable) terminate(Code::enhance_your_calm);
  }
  void expect(Stream& stream, std::uint64_t bytes);
  void expect_no_more(Stream& stream) { expected_ -= std::exchange(stream.expected_, 0); }
  void charge_waste();
  void grow_window(Stream& stream);
  void give_window_back(Stream& stream);
  void submit_settings();
  void submit_trailers(Stream& stream);
  base::Time now() const { return owner_.loop().now(); }

  const std::unique_ptr<SessionMemory> memory_;
  nghttp2_session* session_ = nullptr;
  net::Role role_;
  SessionLimits limits_;
  Owner& owner_;
  Output* output_ = nullptr;            // during send()
  const base::Bytes* input_ = nullptr;  // during receive()

  struct Event {
    enum class Kind : std::uint8_t { head, closed, goaway, settings, pong };
    Kind kind;
    Stream* stream;
  };
  std::vector<Event> events_;  // from next_event_ on
  std::size_t next_event_ = 0;
  base::List<Stream> streams_;
  std::uint32_t stream_count_ = 0;
  std::uint64_t expected_ = 0;  // the sum of the streams'
  Conduct conduct_;
  FrameScan scan_;  // of a client's frames
  base::Time section_begun_ = base::never;
  int pings_ = 0;
  bool has_settings_ = false;
  bool refuses_streams_ = false;  // the peer went too far: what is open may end
  bool is_terminated_ = false;
  bool has_violation_ = false;
};

}  // namespace http2
