// An upstream connection that speaks HTTP/2: many exchanges at once, each a stream. Owned by a
// pool; the loop's thread.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/http2/session.hpp"
#include "proxy/http2/transport_output.hpp"
#include "proxy/net/transport.hpp"

#include <memory>
#include <optional>

namespace http2 {

struct ClientSettings {
  SessionLimits limits;         // of responses
  std::uint32_t streams = 100;  // at most so many at once, whatever the peer allows
  base::Millis ping{0};         // interval; 0 = none
};

class ClientConnection final : net::Transport::Owner, base::Flushable, Session::Owner {
 public:
  // All may be called from inside a coroutine or a stream's destructor: the owner destroys the
  // connection later.
  class Owner {
   public:
    virtual void on_stream_ended(ClientConnection& connection) = 0;
    virtual void on_limit_changed(ClientConnection& connection) = 0;  // of streams
    virtual void on_draining(ClientConnection& connection) = 0;       // open no more
    virtual void on_closed(ClientConnection& connection) = 0;         // told once

   protected:
    ~Owner() = default;
  };

  // first_streams: at most so many before the upstream's SETTINGS say how many it allows.
  ClientConnection(std::unique_ptr<net::Transport> transport, const ClientSettings& settings,
                   Owner& owner, std::uint32_t first_streams = 100);
  ~ClientConnection();  // streams that are left fail

  std::unique_ptr<http::ClientStream> open();  // only if free_streams() > 0
  std::uint32_t free_streams() const;
  // How many may be open at once, as far as is known.
  std::uint32_t stream_limit() const;
  // That is few for now: the upstream's SETTINGS have not come, or allow none at all.
  bool may_widen() const;
  std::uint32_t open_streams() const { return open_; }
  bool is_idle() const { return open_ == 0; }
  bool is_draining() const { return is_draining_; }
  void shutdown();  // GOAWAY; no new streams

 private:
  class OutgoingStream;
  friend class OutgoingStream;

  base::Task<> run();
  base::Task<> keep_alive();
  bool take_input();
  void flush() override;
  void flush_soon() {
    if (!is_closed_) loop_.flush_later(*this);
  }
  base::Error why_lost() const;
  void fail(const base::Error& error);
  void stream_ended();
  void start_draining();

  void on_hangup() override {}
  void on_written() override;
  Stream* make_stream() override { return nullptr; }
  void on_head(Stream&) override {}
  void on_closed(Stream&) override {}
  void on_goaway() override { start_draining(); }
  void on_settings() override;
  void on_pong() override {}
  base::Loop& loop() const override { return loop_; }

  base::EventLoop& loop_;
  std::unique_ptr<net::Transport> transport_;
  TransportOutput output_;
  const ClientSettings& settings_;
  Owner& owner_;
  const std::uint32_t first_streams_;
  std::uint32_t open_ = 0;
  bool is_draining_ = false;
  bool is_closed_ = false;
  base::List<base::Link> streams_;  // of OutgoingStream::InConnection
  Session session_;
  base::TaskGroup tasks_;  // last: dies first
};

}  // namespace http2
