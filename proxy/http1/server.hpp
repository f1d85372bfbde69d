// A downstream connection that speaks HTTP/1: reads one request after the other, has the service
// answer each, and writes the answers. It is itself the stream and the source of the body of the
// request under way: HTTP/1 has but one. Owned by its listener, which destroys it after
// on_closed(); the loop's thread.
//
// A client has left (`client_gone`) when its connection was reset or a write failed, and when its
// FIN came before the request's end. A FIN behind a whole request proves nothing: who pipes a
// request into `nc -N` waits for the answer, who closed does not, and neither may be sent what it
// did not ask for. Such a client gets 1 s for what is on its way, anew whenever it was sent
// something: who has left answers that with a reset, and a silent upstream is let go. Of a client
// on this machine, as an app beside us is, the kernel knows, which is asked after 0.1 s. In a tunnel
// a FIN ends the client's direction alone.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/http/body_pace.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/http1/chunked.hpp"
#include "proxy/http1/parser.hpp"
#include "proxy/net/lingering.hpp"
#include "proxy/net/transport.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

namespace http1 {

struct ServerSettings {
  HeadLimits head;
  std::size_t trailer_bytes = 32 * 1024;
  base::Millis idle_timeout{60'000};    // without a request, also before the first byte
  base::Millis header_timeout{10'000};  // from a head's first byte to its end
  base::Millis body_timeout{30'000};    // without a byte of the body though we would read
  base::Millis send_timeout{30'000};    // without taking anything
  std::string_view refuses_for{};       // why no request is served here; "" = they are
};

// Of a refused request: what came was the beginning of a TLS handshake.
inline constexpr std::string_view speaks_tls = "the client speaks TLS, this port does not";

class ServerConnection final : net::Transport::Owner,
                               base::Timer,
                               http::ServerStream,
                               http::Body::Source {
 public:
  class Owner {
   public:
    // Nothing more will happen here. Not to be destroyed before this returns: hand it to
    // Loop::reap_later, or post.
    virtual void on_closed(ServerConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  // `service`, `info` and `owner` outlive the connection.
  ServerConnection(std::unique_ptr<net::Transport> transport, net::Lingering& lingering,
                   const http::ConnectionInfo& info, std::shared_ptr<const ServerSettings> settings,
                   http::Service& service, Owner& owner);
  ~ServerConnection();

  // `already_read`: what detection took from the socket, from `begun` on.
  void start(base::Bytes already_read, base::Time begun = base::never);
  // Closes as soon as no request is under way; before the first one it is waited for a moment.
  void drain();
  // Ends now, whatever is under way; what was queued still goes out.
  void cut();
  // For the requests that come from now on; one that is under way keeps what it began with.
  void adopt(std::shared_ptr<const ServerSettings> settings);
  // No request is under way, and none has come, read or unread; the beginning of one is none.
  bool is_idle() const { return !is_serving_ && input_.empty() && !has_unread(); }
  bool has_been_asked() const { return has_been_asked_; }  // anything, ever

 private:
  // Before whoever writes has to wait; little while memory is short.
  static std::size_t most_unsent() {
    return std::min<std::size_t>(64 * 1024, base::ReadBlock::most());
  }
  static constexpr std::size_t most_drained = 64 * 1024;  // of a request that was answered early

  // What the next bytes of the connection mean.
  enum class Framing : std::uint8_t { none, length, chunked, tunnel };
  // Nothing of it was sent but interim responses; or its head, and so its body is framed; or all.
  enum class ResponseState : std::uint8_t {
    nothing,
    length,
    chunked,
    until_close,
    tunnel,
    complete
  };
  // alien: no head of HTTP/1, where that is not spoken anyhow: nobody there would read an answer.
  enum class HeadState : std::uint8_t { incomplete, complete, refused, alien };

  bool has_unread() const { return transport_ && transport_->has_unread(); }
  base::Task<> run(base::Time begun = base::never);
  void begin_rest();
  void wake();
  net::Input::State first_bytes();
  base::Task<bool> one_request(base::Time begun);
  base::Task<bool> read_head(http::Incoming& incoming, base::Time begun);
  base::Task<bool> read_more_of_head(http::Incoming& incoming, base::Time begun);
  base::Task<bool> finish_request();
  base::Task<bool> finish_slowly();
  base::Task<> drain_body();
  void discard_input();
  HeadState take_head(http::Incoming& incoming);
  void understand(const ParsedRequest& head, http::Incoming& incoming);
  void frame_body(const ParsedRequest& head);
  void refuse(http::Incoming& incoming, const base::Error& why);
  void close();

  void on_hangup() override;
  void on_input() override {
    if (is_resting_) wake();
  }
  void expired() override;
  void doubt();
  bool may_be_answered() const;
  void leave();
  void say_farewell();

  const http::ConnectionInfo& connection() const override { return info_; }
  void send_interim(int status, const http::Headers& headers) noexcept override;
  base::Result<void> send_head(const http::Response& response, bool ends) override;
  base::Task<base::Result<void>> write(base::Bytes piece) override;
  base::Result<void> finish(const http::Headers& trailers) override;
  bool carries_trailers() const override { return response_state_ == ResponseState::chunked; }
  void abort(const base::Error& why) noexcept override;
  base::Time last_taken() const override { return transport_->last_written(); }
  void open_tunnel(const http::Response& response, bool ends);
  void refuse_tunnel();
  base::Task<base::Result<void>> wait_until_taken();
  bool is_rest_short() const;
  bool has_tunnel() const {
    return framing_ == Framing::tunnel && response_state_ != ResponseState::nothing;
  }
  bool is_tunnel_lost() const {
    return response_state_ == ResponseState::tunnel && transport_->is_gone();
  }
  // Nothing but the connection's end says that the answer is whole.
  bool ends_with_connection() const {
    return response_state_ == ResponseState::until_close ||
           response_state_ == ResponseState::tunnel;
  }

  base::Task<base::Result<base::Bytes>> read() override;
  base::Task<base::Result<base::Bytes>> more_body();
  base::Task<base::Result<base::Bytes>> tunnel_bytes();
  base::Result<base::Bytes> next_piece();
  const http::Headers& trailers() const override { return trailers_; }
  std::optional<std::uint64_t> size() const override;
  void drop() noexcept override {}

  std::unique_ptr<net::Transport> transport_;
  net::Lingering& lingering_;
  const http::ConnectionInfo& info_;
  std::shared_ptr<const ServerSettings> settings_;  // shared by all of a listener
  std::shared_ptr<const ServerSettings> next_settings_;  // when the present request is over
  http::Service& service_;
  Owner& owner_;

  base::Bytes input_;  // read and not yet used
  base::Time idle_until_ = base::never;
  struct PartialHead {
    bool is_blank() const { return bytes.find_first_not_of("\r\n") == bytes.npos; }
    std::string bytes;
    ScanState scan;
  };
  std::unique_ptr<PartialHead> partial_;  // a head that comes in pieces; else null

  std::uint64_t body_left_ = 0;  // of Framing::length
  std::unique_ptr<ChunkedDecoder> chunks_;
  http::Headers trailers_;
  std::uint64_t written_before_ = 0;  // of output, when the client was last doubted
  std::uint64_t send_left_ = 0;       // of ResponseState::length
  http::BodyPace pace_;               // of the body

  // Small things side by side: there are many connections, and most are at rest.
  Framing framing_ = Framing::none;
  bool may_pause_ = false;  // in the body
  bool body_has_ended_ = true;
  bool is_refused_ = false;      // where the request ends is not known
  bool wants_continue_ = false;  // and was not told to go on as yet
  bool has_continued_ = false;   // was told, once is enough

  http::Method method_ = http::Method::get;
  ResponseState response_state_ = ResponseState::nothing;
  std::uint8_t interim_count_ = 0;
  std::uint8_t served_without_wait_ = 0;  // requests served without having waited for one
  bool is_http10_ = false;
  bool keeps_alive_ = true;
  bool is_serving_ = false;
  bool is_resting_ = false;  // no task waits for the next request
  bool has_hung_up_ = false;
  bool may_have_closed_ = false;  // which is about to be asked
  bool has_been_asked_ = false;
  bool is_draining_ = false;
  bool is_closed_ = false;

  base::TaskGroup tasks_;  // last: dies first
};

}  // namespace http1
