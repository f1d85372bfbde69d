// A downstream connection that speaks HTTP/2: each stream is an exchange of its own, answered by the
// service. A stream that the client resets ends its exchange. Owned by its listener, which destroys it
// after on_closed(); the loop's thread.
#pragma once

#include <memory>

#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/http2/session.hpp"
#include "proxy/net/transport.hpp"

namespace http2 {

struct ServerSettings {
  SessionLimits limits;
  base::Millis idle_timeout{60'000};    // without a stream
  base::Millis header_timeout{10'000};  // for the preface and the first SETTINGS
  base::Millis body_timeout{30'000};    // without a byte of a request's body though we would read
  base::Millis send_timeout{30'000};    // a client that takes nothing
};

class ServerConnection final : net::Transport::Owner, base::Flushable, Session::Owner {
 public:
  class Owner {
   public:
    // Nothing more will happen here. Not to be destroyed before this returns.
    virtual void on_closed(ServerConnection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  ServerConnection(std::unique_ptr<net::Transport> transport, net::Lingering& lingering,
                   const http::ConnectionInfo& info, const ServerSettings& settings,
                   http::Service& service, Owner& owner);
  ~ServerConnection();

  void start(base::Bytes already_read);
  // GOAWAY; closes when the last stream has ended.
  void drain();
  bool is_idle() const { return session_.open_streams() == 0; }

 private:
  class ServerStream;
  friend class ServerStream;

  base::Task<> run();
  base::Task<> serve(ServerStream& stream);
  bool take_input();
  base::Time patience() const;
  void flush() override;
  base::Task<> go_on();
  void flush_soon() { loop().flush_later(*this); }
  void close();
  void release(ServerStream& stream);

  void on_hangup() override {}
  Stream* make_stream() override;
  void on_head(Stream& stream) override;
  void on_closed(Stream& stream) override;
  void on_goaway() override { is_draining_ = true; }
  void on_settings() override {}
  base::Loop& loop() const override { return loop_; }

  base::EventLoop& loop_;
  std::unique_ptr<net::Transport> transport_;
  net::Lingering& lingering_;
  const http::ConnectionInfo& info_;
  const ServerSettings& settings_;
  http::Service& service_;
  Owner& owner_;
  base::Time last_active_;
  bool is_draining_ = false;
  bool is_closed_ = false;
  bool is_going_on_ = false;  // with output, when the transport has room
  base::Bytes input_;
  Session session_;
  std::vector<ServerStream*> streams_;  // owned
  base::TaskGroup tasks_;  // last: dies first
};

}  // namespace http2
