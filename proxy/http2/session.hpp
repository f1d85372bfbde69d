// One HTTP/2 connection's protocol (RFC 9113), either side: an owner of an nghttp2 session. Bytes go
// in by receive(), frames come out to a transport by send(). nghttp2's callbacks only fill the streams'
// fields and queues; what follows from them is done by take_events() afterwards. The only user of
// nghttp2. Loop's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/event.hpp"
#include "proxy/base/link.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/http2/budget.hpp"

struct nghttp2_session;

namespace net {
class Transport;
}

namespace http2 {

enum class Role : std::uint8_t { server, client };

struct SessionLimits {
  std::uint32_t streams = 100;           // that the peer may open
  std::size_t header_bytes = 32 * 1024;  // of one received header section, decoded
  std::size_t header_count = 100;
  std::size_t trailer_bytes = 8 * 1024;
  std::size_t target_bytes = 8 * 1024;
};

// Error codes of RFC 9113 7 that we send.
enum class Code : std::uint32_t {
  no_error = 0,
  protocol_error = 1,
  internal_error = 2,
  refused_stream = 7,
  cancel = 8,
  enhance_your_calm = 11,
};

// A received header section.
struct Section {
  std::string method, scheme, authority, path, protocol;
  int status = 0;
  http::Headers headers;
  std::string cookie;  // crumbs, joined
  std::size_t bytes = 0;
  std::size_t count = 0;
  bool has_host = false;
  bool is_too_large = false;
  bool is_malformed = false;
};

// One stream, as far as both sides are alike. Its user (a server's or a client's stream) derives from
// it; the session knows it until its stream is closed or it is detached.
class Stream : public base::Link {
 public:
  explicit Stream(base::Loop& loop) : readable(loop), writable(loop) {}

  std::int32_t id = 0;

  // Received:
  Section section;            // being received, then complete
  std::vector<Section> interim;  // 1xx heads (client)
  bool has_head = false;      // the final head is complete, in `head`
  Section head;
  http::Headers trailers;
  std::vector<base::Bytes> data;  // from next_data on
  std::size_t next_data = 0;
  bool has_ended = false;     // END_STREAM was received
  std::optional<std::uint32_t> closed;  // the code it was closed with
  bool is_flawed = false;     // we reset it: the message broke the rules
  base::Event readable;       // something of the above has changed

  // To be sent:
  std::vector<base::Bytes> output;  // from next_output on
  std::size_t next_output = 0;
  bool output_has_ended = false;
  bool is_deferred = false;   // nghttp2 waits for more output
  bool resets_when_sent = false;  // with NO_ERROR: the request's rest is of no interest
  http::Headers output_trailers;
  base::Event writable;       // output was taken
  bool is_head_sent = false;  // HEADERS were taken by send()
  bool is_end_sent = false;
  http::Headers held;         // what nghttp2 refers to until then
  std::string held_text;

  bool has_output() const { return next_output < output.size(); }
  base::Bytes take_data();

 protected:
  ~Stream() = default;
};

class Session {
 public:
  // Told by take_events(), never from inside nghttp2.
  class Owner {
   public:
    // A request's HEADERS began (server): a stream for them, which the owner keeps. Called from
    // inside nghttp2: it may only make one.
    virtual Stream* make_stream() = 0;
    virtual void on_head(Stream& stream) = 0;     // server: a request is there
    virtual void on_closed(Stream& stream) = 0;   // of no more interest to the session
    virtual void on_goaway() = 0;
    virtual void on_settings() = 0;
    virtual base::Loop& loop() const = 0;

   protected:
    ~Owner() = default;
  };

  Session(Role role, const SessionLimits& limits, Owner& owner);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  // Feeds what was read. False: the session is over; what send() still has is to be sent.
  bool receive(const base::Bytes& input);
  void take_events();
  // Moves what there is to send to the transport; stops when much is unsent there. False: there was
  // nothing.
  bool send(net::Transport& transport);
  bool wants_to_send() const;
  // Nothing more will be received or sent.
  bool is_over() const;
  bool has_received_goaway() const { return has_goaway_; }

  void respond(Stream& stream, const http::Response& response, bool ends);
  void send_interim(Stream& stream, int status, const http::Headers& headers);
  bool request(Stream& stream, const http::RequestHead& head, bool ends);
  void resume(Stream& stream);      // there is output
  void consumed(Stream& stream, std::size_t bytes);  // by the reader: gives the window back
  void reset(Stream& stream, std::uint32_t code);
  void reset_when_sent(Stream& stream);  // NO_ERROR, once END_STREAM is out
  void detach(Stream& stream);      // it is going away; the session forgets it
  void announce_shutdown();         // GOAWAY that still lets everything in (server)
  void shutdown();                  // GOAWAY with the last stream
  void terminate(Code code);
  void ping();
  std::uint32_t peer_stream_limit() const;
  bool has_settings() const { return has_settings_; }
  std::uint32_t open_streams() const { return stream_count_; }
  bool is_ping_answered() const { return pings_ == 0; }

 private:
  friend struct Callbacks;

  void touch(Stream& stream);
  void flaw(Stream& stream, std::uint32_t code);
  void sin(double cost = 1);
  void grow_window(Stream& stream);
  void submit_settings();

  nghttp2_session* session_ = nullptr;
  Role role_;
  SessionLimits limits_;
  Owner& owner_;
  net::Transport* output_ = nullptr;  // during send()
  const base::Bytes* input_ = nullptr;  // during receive()

  struct Event {
    enum class Kind : std::uint8_t { head, closed, goaway, settings };
    Kind kind;
    Stream* stream;
  };
  std::vector<Event> events_;
  std::size_t next_event_ = 0;
  base::List<Stream> streams_;
  std::uint32_t stream_count_ = 0;
  Budget resets_;
  Budget glitches_;
  int pings_ = 0;
  bool has_settings_ = false;
  bool has_goaway_ = false;
  bool is_terminated_ = false;
};

}  // namespace http2
