// Two peers in one loop, and between them a line that the test moves the bytes along: in pieces of
// any size, cut, or stopped. One thread.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>

#include "proxy/base/task_group.hpp"
#include "proxy/net/transport.hpp"
#include "tests/unit/certs/made.hpp"

namespace net_test {

using net::Input;
using net::Role;
using net::TlsSession;
using Shaken = std::optional<base::Result<void>>;

// One direction of the line.
struct Way {
  std::string seen;  // all that has entered
  int pieces = 0;    // that it came in: of a SOCK_SEQPACKET the sends
  std::string waiting;
  bool is_stopped = false;
};

inline void move(int from, int to, Way& way, std::size_t most) {
  static std::string room(1024 * 1024, '\0');
  while (!way.is_stopped) {
    if (way.waiting.empty()) {
      const ssize_t got = ::recv(from, room.data(), room.size(), MSG_DONTWAIT);
      if (got <= 0) return;
      ++way.pieces;
      way.waiting.assign(room, 0, static_cast<std::size_t>(got));
      way.seen += way.waiting;
    }
    const ssize_t sent =
        ::send(to, way.waiting.data(), std::min(most, way.waiting.size()), MSG_NOSIGNAL);
    if (sent > 0) way.waiting.erase(0, static_cast<std::size_t>(sent));
    return;
  }
}

class Line {
 public:
  explicit Line(int kind = SOCK_STREAM) {
    int of_server[2];
    int of_client[2];
    REQUIRE(::socketpair(AF_UNIX, kind | SOCK_NONBLOCK, 0, of_server) == 0);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, of_client) == 0);
    server = std::make_unique<net::Transport>(loop, of_server[0]);
    client = std::make_unique<net::Transport>(loop, of_client[0]);
    near_server = of_server[1];
    near_client = of_client[1];
    loop.turn(base::Millis{0});  // their first edges
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line() {
    tasks.cancel_all();
    ::close(near_server);
    ::close(near_client);
  }

  void turn() {
    move(near_server, near_client, to_client, piece);
    move(near_client, near_server, to_server, piece);
    loop.turn(base::Millis{0});
  }
  template <typename Done>
  bool turn_until(Done done) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(20);
    while (!done() && base::Clock::now() < limit) turn();
    return done();
  }

  static base::Task<> shake(net::Transport& transport, std::unique_ptr<TlsSession> session,
                            base::Time until, Shaken& into) {
    base::Result<void> result = co_await transport.handshake(std::move(session), until);
    into.emplace(std::move(result));
  }
  void start(net::Transport& transport, std::shared_ptr<const certs::TlsContext> context, Role role,
             Shaken& into, base::Duration limit = std::chrono::seconds(20)) {
    auto session = std::make_unique<TlsSession>(context, transport.descriptor(), role);
    tasks.spawn(shake(transport, std::move(session), loop.now() + limit, into)).release();
  }
  // Both know how it ended.
  void shake_hands(std::shared_ptr<const certs::TlsContext> of_server,
                   std::shared_ptr<const certs::TlsContext> of_client) {
    REQUIRE(of_server);
    REQUIRE(of_client);
    start(*server, of_server, Role::server, server_shaken);
    start(*client, of_client, Role::client, client_shaken);
    REQUIRE(turn_until([&] { return server_shaken && client_shaken; }));
  }
  bool both_agree() const {
    return server_shaken && client_shaken && server_shaken->ok() && client_shaken->ok();
  }

  // What the transport gives until it has that much, or no more.
  std::string read(net::Transport& transport, std::size_t size) {
    std::string text;
    const auto is_done = [&] {
      last = transport.read_now();
      text += last.bytes.view();
      return text.size() >= size || last.state == Input::State::end ||
             last.state == Input::State::failed;
    };
    CHECK(turn_until(is_done));
    return text;
  }

  base::EventLoop loop;
  base::TaskGroup tasks{loop};
  std::unique_ptr<net::Transport> server;
  std::unique_ptr<net::Transport> client;
  int near_server = -1;
  int near_client = -1;
  Way to_client;
  Way to_server;
  std::size_t piece = 1024 * 1024;
  Shaken server_shaken;
  Shaken client_shaken;
  Input last;  // of read()
};

// A CA, a server's and a client's certificate, in files; and contexts made of them.
struct Identities {
  certs_test::Folder folder;
  certs_test::Pair ca = certs_test::make_ca();
  certs_test::Pair of_server =
      certs_test::make({.san = "DNS:a.test,URI:spiffe://mesh/a,IP:127.0.0.1"}, &ca);
  certs_test::Pair of_client = certs_test::make({.san = "URI:spiffe://mesh/client"}, &ca);
  certs::TlsServerSettings server{.cert = folder.write("server.crt", of_server.certificate),
                                  .key = folder.write("server.key", of_server.key),
                                  .client_ca = {},
                                  .protocols = {}};
  certs::TlsClientSettings client{.ca = folder.write("ca.pem", ca.certificate),
                                  .cert = {},
                                  .key = {},
                                  .server_name = "a.test",
                                  .san = {},
                                  .protocols = {}};

  using Context = std::shared_ptr<const certs::TlsContext>;
  Context server_context() const { return made(make_server_context(server)); }
  Context client_context() const { return made(make_client_context(client)); }
  static Context made(const certs::LoadedContext& loaded) {
    INFO(loaded.problem);
    REQUIRE(loaded.context);
    return loaded.context;
  }
};

}  // namespace net_test
