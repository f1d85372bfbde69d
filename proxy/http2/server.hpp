// A downstream connection that speaks HTTP/2: each stream is an exchange of its own, answered by
// the service. A stream that the client resets ends its exchange. Owned by its listener, which
// destroys it after on_closed(); the loop's thread.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/http2/session.hpp"
#include "proxy/http2/transport_output.hpp"
#include "proxy/net/lingering.hpp"
#include "proxy/net/transport.hpp"

#include <memory>
#include <vector>

namespace http2 {

struct ServerSettings {
  SessionLimits limits;
  base::Millis handshake_timeout{5'000};  // for the preface and the first SETTINGS; the shorter:
  base::Millis idle_timeout{60'000};      // without a stream
  base::Millis header_timeout{
      10'000};  // from the first byte of a header section to its end, or of the preface
  base::Millis body_timeout{30'000};  // without a byte of a request's body though we would read
  base::Millis send_timeout{30'000};  // a client that takes nothing
};

class ServerConnection final : net::Transport::Owner,
                               base::Flushable,
                               base::Timer,
                               Session::Owner {
 public:
  class Owner {
   public:
    // Nothing more will happen here. Not to be destroyed before this returns.
    virtual void on_closed(ServerConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  ServerConnection(std::unique_ptr<net::Transport> transport, net::Lingering& lingering,
                   const http::ConnectionInfo& info, std::shared_ptr<const ServerSettings> settings,
                   http::Service& service, Owner& owner);
  ~ServerConnection();

  void start(base::Bytes already_read);
  // GOAWAY; closes when the last stream has ended.
  void drain();
  // Ends now, whatever is under way; what was queued still goes out.
  void cut();
  // Timeouts, from when no stream is open; the bounds were told to the client and stay.
  void adopt(std::shared_ptr<const ServerSettings> settings);
  // No stream is open, and nothing that might open one is unread.
  bool is_idle() const { return open_ == 0 && !(transport_ && transport_->has_unread()); }

 private:
  class IncomingStream;
  friend class IncomingStream;

  base::Task<> run();
  void begin_rest();
  void wake();
  void look() { is_resting_ ? wake() : transport_->interrupt(); }
  base::Task<> serve(IncomingStream& stream);
  bool take_input();
  base::Time look_again() const;
  bool is_on_time();
  void look_at_output();
  void finish_drain();
  bool is_done() const;
  void flush() override;
  void flush_soon() {
    if (!is_closed_) loop_.flush_later(*this);
  }
  void close();
  void answer_for_unread();
  void answer_for_unread(IncomingStream& stream);
  void start(IncomingStream& stream);
  void release(IncomingStream& stream);
  void expired() override;  // it has paused for long enough to rest, or rested until its end

  void on_hangup() override { on_input(); }
  void on_input() override {
    if (is_resting_) wake();
  }
  void on_written() override;
  Stream* make_stream() override;
  void on_head(Stream& stream) override;
  void on_closed(Stream& stream) override;
  void on_goaway() override { is_left_ = true; }
  void on_settings() override {}
  void on_pong() override { finish_drain(); }
  base::Loop& loop() const override { return loop_; }

  base::EventLoop& loop_;
  std::unique_ptr<net::Transport> transport_;
  TransportOutput output_;
  net::Lingering& lingering_;
  const http::ConnectionInfo& info_;
  std::shared_ptr<const ServerSettings> settings_;  // shared by all of a listener
  std::shared_ptr<const ServerSettings> next_settings_;  // when no stream is open
  http::Service& service_;
  Owner& owner_;
  base::Bytes input_;
  base::Time last_active_;  // its start, or when a stream ended
  base::Time drain_by_ = base::never;
  base::Time next_look_;       // at what waits to be sent
  std::uint64_t written_ = 0;  // as of the last look
  base::Time written_at_;      // when a look last saw something written, or nothing to write
  bool is_left_ = false;       // GOAWAY was sent or received: no new streams
  bool is_head_late_ = false;  // which is why the connection ends
  bool is_closed_ = false;
  bool is_resting_ = false;  // no task waits for input
  std::uint32_t open_ = 0;
  Session session_;
  std::vector<IncomingStream*> streams_;  // owned; those that ended until the loop reaps them
  base::TaskGroup tasks_;                 // last: dies first
};

}  // namespace http2
