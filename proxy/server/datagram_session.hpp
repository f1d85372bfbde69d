// The datagrams of one client address, as one exchange from the first to the last, which is to the
// chain what a CONNECT is that names nothing. It ends when none has come or gone for a while, for
// datagrams have no end of their own. Owned by its listener's sessions; destroys itself, through
// the loop. The worker's thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/stream.hpp"
#include "proxy/net/connection_limits.hpp"

#include <string_view>
#include <vector>

namespace server {

class DatagramSession final : http::ServerStream, http::Body::Source, base::Reapable {
 public:
  class Owner {
   public:
    virtual void send(const DatagramSession& session, base::Bytes datagram) = 0;
    // What its client sends from now on is another session's.
    virtual void on_over(DatagramSession& session) = 0;
    virtual void on_gone(DatagramSession& session) = 0;

   protected:
    ~Owner() = default;
  };

  // asked: the address of ours that the client sends to; none = there is but one.
  struct Ends {
    base::Address client, asked;
  };
  DatagramSession(base::Loop& loop, const Ends& ends, net::ConnectionLimits::Place limits_place,
                  base::Millis idle, http::Service& service, Owner& owner);
  ~DatagramSession();

  const Ends& ends() const { return ends_; }
  void start() { tasks_.spawn(run()).release(); }
  // From the client. False: too many wait, and it was dropped.
  bool take(std::string_view datagram);
  // Ends as soon as it falls quiet.
  void drain();
  void cut();

  std::size_t place = 0;  // in its owner's table

 private:
  base::Task<> run();
  void end();
  bool is_quiet() const { return loop_.now() >= quiet_at(); }
  base::Time quiet_at() const { return last_ + idle_; }
  void reap() noexcept override { delete this; }

  const http::ConnectionInfo& connection() const override { return info_; }
  void send_interim(int, const http::Headers&) noexcept override {}
  base::Result<void> send_head(const http::Response& response, bool ends) override;
  base::Task<base::Result<void>> write(base::Bytes datagram) override;
  base::Result<void> finish(const http::Headers&) override { return {}; }
  bool carries_trailers() const override { return false; }
  void abort(const base::Error&) noexcept override {}
  base::Time last_taken() const override { return last_; }

  base::Task<base::Result<base::Bytes>> read() override;
  void drop() noexcept override {}

  base::Loop& loop_;
  const Ends ends_;
  http::ConnectionInfo info_;
  const net::ConnectionLimits::Place place_;
  base::Millis idle_;
  http::Service& service_;
  Owner& owner_;
  std::vector<base::Bytes> received_;  // from next_ on
  std::size_t next_ = 0;
  std::size_t held_ = 0;  // bytes
  base::Time last_;       // datagram, either way
  base::Event came_;
  bool is_open_ = false;  // an upstream is there
  bool is_over_ = false;
  base::TaskGroup tasks_;  // last: dies first
};

}  // namespace server
