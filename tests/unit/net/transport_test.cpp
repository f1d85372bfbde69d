#include "proxy/net/transport.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "proxy/base/task_group.hpp"

namespace {

using boost::system::errc::broken_pipe;
using boost::system::errc::connection_reset;
using net::Input;

constexpr base::Millis at_once{0};

struct Pair : net::Transport::Owner {
  explicit Pair(bool is_tcp = false) {
    int both[2] = {-1, -1};
    if (is_tcp)
      connect_tcp(both);
    else
      REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    transport = std::make_unique<net::Transport>(loop, both[0]);
    transport->set_owner(this);
    peer = both[1];
    loop.turn(at_once);  // its first edge
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  virtual ~Pair() {
    tasks.cancel_all();
    close_peer();
  }

  static void connect_tcp(int* both) {
    const base::Address::Socket any = base::Address::parse("127.0.0.1:0")->socket();
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(::bind(listener, any.get(), any.size) == 0);
    REQUIRE(::listen(listener, 1) == 0);
    const base::Address::Socket bound = base::Address::local_of(listener).socket();
    both[0] = ::socket(AF_INET, SOCK_STREAM, 0);
    const int room = 1'000'000;
    setsockopt(both[0], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    REQUIRE(::connect(both[0], bound.get(), bound.size) == 0);
    both[1] = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    REQUIRE(both[1] >= 0);
    ::close(listener);
    const int flags = ::fcntl(both[0], F_GETFL);
    ::fcntl(both[0], F_SETFL, flags | O_NONBLOCK);
  }
  void close_peer() {
    if (peer >= 0) ::close(peer);
    peer = -1;
  }
  void reset_by_peer() {
    const linger at_close{1, 0};
    REQUIRE(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_close, sizeof at_close) == 0);
    close_peer();
  }
  // All that the peer can get until there is nothing for a while of turns.
  std::string receive_all() {
    std::string text;
    std::string room(100'000, '\0');
    for (int idle = 0; idle < 3;) {
      const ssize_t got = ::recv(peer, room.data(), room.size(), MSG_DONTWAIT);
      has_peer_seen_end = got == 0;
      if (got > 0) text.append(room, 0, static_cast<std::size_t>(got));
      idle = got > 0 ? 0 : idle + 1;
      loop.turn(at_once);
    }
    return text;
  }
  template <typename Done>
  bool turn_until(Done done) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (!done() && base::Clock::now() < limit) loop.turn(base::Millis{1});
    return done();
  }
  base::Task<> wait_drained(std::size_t most, base::Time until) {
    const bool came = co_await transport->drained(most, until);
    drained = came;
  }
  base::Task<> wait_readable(base::Time until) {
    const bool came = co_await transport->readable(until);
    readable = came;
  }
  void on_hangup() override { ++hangups; }
  void on_written() override { ++writes; }

  base::EventLoop loop;
  base::TaskGroup tasks{loop};
  std::unique_ptr<net::Transport> transport;
  int peer = -1;
  bool has_peer_seen_end = false;
  int hangups = 0;
  int writes = 0;
  std::optional<bool> drained;
  std::optional<bool> readable;
};

struct TcpPair : Pair {
  TcpPair() : Pair(true) {}
};

std::string numbered(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  text.resize(size);
  return text;
}

TEST_CASE_FIXTURE(Pair, "transport: short pieces stay when a spare buffer turns up between them") {
  net::Transport other(loop, ::dup(peer));
  other.queue("a text that is long enough for a buffer of its own");
  transport->queue("short,");
  other.close();  // its buffer is a spare one from now on
  transport->queue("shorter");
  transport->flush();
  CHECK(receive_all() == "short,shorter");
}

TEST_CASE_FIXTURE(Pair, "transport: a spare buffer is not buried under those that are none") {
  const std::string text = numbered(20'000);
  transport->queue(text);
  transport->flush();  // its buffer is a spare one from now on
  for (int i = 0; i < 100; ++i) net::Transport(loop, ::dup(peer)).close();
  for (int i = 0; i < 100; ++i) {
    transport->queue(base::Bytes::copy_of("a piece of its own"));
    transport->flush();
    transport->queue("\r\n");
    CHECK(transport->tail().capacity() >= text.size());
    transport->flush();
  }
  CHECK(receive_all().size() == text.size() + 100 * 20);
}

TEST_CASE_FIXTURE(Pair, "transport: what was sent leaves with the turn, or when it is much") {
  transport->send("a head,");
  const std::string body = numbered(40'000);
  transport->send(base::Bytes::copy_of(body));
  CHECK(transport->unsent() == 40'007);
  CHECK(transport->written() == 0);
  transport->send(base::Bytes::copy_of(body));
  CHECK(transport->unsent() == 0);
  CHECK(transport->written() == 80'007);
  transport->send("an end");
  CHECK(transport->unsent() == 6);
  loop.turn(at_once);
  CHECK(transport->unsent() == 0);
  CHECK(writes == 2);
  CHECK(receive_all() == "a head," + body + body + "an end");
}

TEST_CASE_FIXTURE(Pair, "transport: whatever is queued, however little is taken, it is in order") {
  const std::string text = numbered(3'000'000);
  std::size_t queued = 0;
  std::size_t size = 1;
  while (queued < text.size()) {
    const std::string_view piece = std::string_view(text).substr(queued, size);
    if (size % 3 == 0)
      transport->send(piece);
    else if (size % 3 == 1)
      transport->send(base::Bytes::copy_of(piece));
    else
      transport->queue(base::Bytes::copy_of(piece));
    queued += piece.size();
    size = size * 7 % 90'001 + 1;
  }
  CHECK(transport->unsent() > 0);
  CHECK(transport->written() + transport->unsent() == text.size());
  CHECK(receive_all() == text);
  CHECK(transport->unsent() == 0);
  CHECK(transport->written() == text.size());
}

TEST_CASE_FIXTURE(Pair, "transport: more pieces than one write takes") {
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    expected += std::to_string(i);
    transport->queue(base::Bytes::copy_of(std::to_string(i)));
  }
  transport->queue("tail");
  transport->flush();
  CHECK(receive_all() == expected + "tail");
}

TEST_CASE_FIXTURE(Pair, "transport: waits until enough is taken, or the time is over") {
  transport->send(base::Bytes::copy_of(numbered(2'000'000)));
  REQUIRE(transport->unsent() > 100'000);
  SUBCASE("nobody takes it") {
    tasks.spawn(wait_drained(0, loop.now() + base::Millis{1})).release();
    CHECK(turn_until([&] { return drained.has_value(); }));
    CHECK(drained == false);
  }
  SUBCASE("it is taken") {
    tasks.spawn(wait_drained(1'000, base::never)).release();
    loop.turn(at_once);
    CHECK(!drained);
    receive_all();
    CHECK(drained == true);
  }
  SUBCASE("it fails") {
    tasks.spawn(wait_drained(1'000, base::never)).release();
    close_peer();
    CHECK(turn_until([&] { return drained.has_value(); }));
    CHECK(drained == true);
    CHECK(transport->write_error());
    CHECK(transport->unsent() == 0);
  }
}

TEST_CASE_FIXTURE(Pair, "transport: what is written after a failure is dropped, input stays") {
  REQUIRE(::send(peer, "a late answer", 13, 0) == 13);
  close_peer();
  transport->send("a request");
  loop.turn(at_once);
  CHECK(transport->write_error() == broken_pipe);
  transport->send(base::Bytes::copy_of(numbered(100'000)));
  transport->send("more");
  loop.turn(at_once);
  CHECK(transport->unsent() == 0);
  CHECK(transport->written() == 0);
  CHECK(transport->read_now().bytes.view() == "a late answer");
  CHECK(transport->read_now().state == Input::State::end);
}

TEST_CASE_FIXTURE(Pair, "transport: a hang-up is told at once, and says nothing of the input") {
  REQUIRE(::send(peer, "unread", 6, 0) == 6);
  ::shutdown(peer, SHUT_WR);
  loop.turn(at_once);
  CHECK(hangups == 1);
  CHECK(transport->has_hung_up());
  CHECK(!transport->has_input_ended());
  CHECK(transport->read_now().bytes.view() == "unread");
  CHECK(transport->has_input_ended());
  CHECK(transport->read_now().state == Input::State::end);
  transport->send("an answer");
  CHECK(receive_all() == "an answer");
}

TEST_CASE_FIXTURE(Pair, "transport: a read gives what is there, and wakes who waits for more") {
  CHECK(transport->read_now().state == Input::State::would_block);
  tasks.spawn(wait_readable(loop.now() + base::Millis{1})).release();
  CHECK(turn_until([&] { return readable.has_value(); }));
  CHECK(readable == false);
  readable.reset();
  tasks.spawn(wait_readable(base::never)).release();
  REQUIRE(::send(peer, "one", 3, 0) == 3);
  CHECK(turn_until([&] { return readable.has_value(); }));
  CHECK(readable == true);
  CHECK(transport->read_now().bytes.view() == "one");
  CHECK(transport->read_now().state == Input::State::would_block);
  CHECK(!transport->may_be_readable());
}

TEST_CASE_FIXTURE(Pair, "transport: input that nobody reads stays, however late it is read") {
  std::string expected;
  for (int i = 0; i < 5; ++i) {
    REQUIRE(::send(peer, "text;", 5, 0) == 5);
    expected += "text;";
    loop.turn(at_once);
  }
  CHECK(transport->may_be_readable());
  CHECK(transport->read_now().bytes.view() == expected);
}

TEST_CASE_FIXTURE(Pair, "transport: FIN comes behind the last byte, the other way goes on") {
  const std::string text = numbered(1'500'000);
  transport->send(base::Bytes::copy_of(text));
  transport->shutdown_send();
  loop.turn(at_once);
  CHECK(transport->unsent() > 0);
  CHECK(receive_all() == text);
  CHECK(has_peer_seen_end);
  REQUIRE(::send(peer, "an answer", 9, 0) == 9);
  loop.turn(at_once);
  CHECK(transport->read_now().bytes.view() == "an answer");
}

TEST_CASE_FIXTURE(TcpPair, "transport: a reset is a failure, never an end") {
  SUBCASE("of a reader") {
    reset_by_peer();
    CHECK(turn_until([&] { return hangups > 0; }));
    const Input input = transport->read_now();
    CHECK(input.state == Input::State::failed);
    CHECK(input.cause == connection_reset);
  }
  SUBCASE("of a writer") {
    transport->send(base::Bytes::copy_of(numbered(10'000'000)));
    REQUIRE(transport->unsent() > 0);
    reset_by_peer();
    CHECK(turn_until([&] { return static_cast<bool>(transport->write_error()); }));
    CHECK(transport->unsent() == 0);
  }
}

// Has just read much at once, and waits for more than it would like to be woken for piece by piece.
struct FastPair : TcpPair {
  FastPair() {
    wait_expecting(1'000'000);  // from now on it is counted how fast that comes
    const std::string much = numbered(300'000);
    std::size_t sent = 0;
    CHECK(turn_until([&] {
      const ssize_t taken = ::send(peer, much.data() + sent, much.size() - sent, MSG_DONTWAIT);
      if (taken > 0) sent += static_cast<std::size_t>(taken);
      return sent == much.size() && unread() == much.size();
    }));
    loop.turn(at_once);
    while (transport->may_be_readable()) (void)transport->read_now();
    wait_expecting(1'000'000);
  }

  std::size_t unread() const {
    int count = 0;
    REQUIRE(::ioctl(transport->descriptor(), FIONREAD, &count) == 0);
    return static_cast<std::size_t>(count);
  }
  int least() const {
    int bytes = 0;
    socklen_t size = sizeof bytes;
    REQUIRE(getsockopt(transport->descriptor(), SOL_SOCKET, SO_RCVLOWAT, &bytes, &size) == 0);
    return bytes;
  }
  void wait_expecting(std::uint64_t bytes) {
    struct Waiting {
      static base::Task<> run(FastPair& pair, std::uint64_t expected) {
        const bool came = co_await pair.transport->readable(base::never, expected);
        pair.readable = came;
      }
    };
    tasks.cancel_all();
    readable.reset();
    tasks.spawn(Waiting::run(*this, bytes)).release();
  }
};

TEST_CASE_FIXTURE(FastPair, "transport: what comes fast is gathered, and waits a moment at most") {
  CHECK(least() > 1);
  REQUIRE(::send(peer, "slow", 4, 0) == 4);
  CHECK(turn_until([&] { return readable.has_value(); }));
  CHECK(transport->read_now().bytes.view() == "slow");
  CHECK(least() == 1);
  wait_expecting(1'000'000);
  CHECK(least() == 1);
}

TEST_CASE_FIXTURE(FastPair, "transport: nothing is gathered of what may be the last") {
  wait_expecting(1'000);
  CHECK(least() == 1);
  REQUIRE(::send(peer, "last", 4, 0) == 4);
  CHECK(turn_until([&] { return readable.has_value(); }));
  CHECK(transport->read_now().bytes.view() == "last");
}

TEST_CASE_FIXTURE(FastPair, "transport: who no longer waits leaves nothing behind") {
  tasks.cancel_all();
  CHECK(turn_until([&] { return least() == 1; }));
}

TEST_CASE_FIXTURE(Pair, "transport: closed, it takes nothing and gives nothing") {
  transport->send("lost");
  transport->close();
  transport->send("lost too");
  transport->flush();
  loop.turn(at_once);
  CHECK(!transport->is_open());
  CHECK(transport->write_error());
  CHECK(transport->read_now().state == Input::State::failed);
  CHECK(receive_all().empty());
  CHECK(has_peer_seen_end);
}

}  // namespace
