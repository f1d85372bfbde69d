#include "proxy/net/transport.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace {

struct Pair {
  Pair() {
    int both[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    transport = std::make_unique<net::Transport>(loop, both[0]);
    peer = both[1];
    loop.turn(base::Millis{0});  // its first edge
  }
  ~Pair() { ::close(peer); }
  std::string received() const {
    char room[4096];
    const ssize_t got = ::recv(peer, room, sizeof room, MSG_DONTWAIT);
    return got > 0 ? std::string(room, static_cast<std::size_t>(got)) : std::string();
  }

  base::EventLoop loop;
  std::unique_ptr<net::Transport> transport;
  int peer = -1;
};

TEST_CASE_FIXTURE(Pair, "transport: short pieces stay when a spare buffer turns up between them") {
  net::Transport other(loop, ::dup(peer));
  other.queue("a text that is long enough for a buffer of its own");
  transport->queue("short,");
  other.close();  // its buffer is a spare one from now on
  transport->queue("shorter");
  transport->flush();
  CHECK(received() == "short,shorter");
}

}  // namespace
