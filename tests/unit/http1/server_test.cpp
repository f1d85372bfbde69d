#include "proxy/http1/server.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

namespace {

using base::Task;

// Reads the request and answers 200 without a body, or never, or before it has read.
class Service final : public http::Service {
 public:
  explicit Service(base::Loop& loop) : loop_(loop) {}
  Task<> serve(http::Incoming&& incoming, http::ServerStream& stream) override {
    ++requests;
    Running running{unfinished};
    if (waits_to_read) co_await may_read.wait();
    if (relays_continue) stream.send_interim(100, {});
    while (!answers_early) {
      const base::Result<base::Bytes> piece = co_await incoming.body.read();
      if (!piece || piece->empty()) break;
    }
    if (relays_continue) stream.send_interim(100, {});
    if (never_answers) co_await base::sleep_until(loop_, base::never);
    if (waits) co_await may_answer.wait();
    http::Response response;
    response.status = 200;
    response.is_from_upstream = false;
    const base::Result<void> sent = stream.send_head(response, body_size == 0);
    (void)sent;
    for (std::size_t left = body_size; left > 0; left -= a_piece) {
      base::Bytes piece = base::Bytes::copy_of(std::string(a_piece, 'x'));
      const base::Result<void> taken = co_await stream.write(std::move(piece));
      if (!taken) co_return;
    }
    if (body_size > 0 && !stream.finish({})) co_return;
    running.has_ended = true;
    co_return;
  }
  bool is_draining() const override { return false; }
  static constexpr std::size_t a_piece = 64 * 1024;
  std::size_t body_size = 0;  // of the answer, in pieces
  int requests = 0;
  int unfinished = 0;
  bool waits_to_read = false;
  bool never_answers = false;
  bool answers_early = false;
  bool relays_continue = false;
  bool waits = false;

 private:
  struct Running {
    ~Running() { unfinished += has_ended ? 0 : 1; }
    int& unfinished;
    bool has_ended = false;
  };
  base::Loop& loop_;

 public:
  base::Event may_read{loop_};
  base::Event may_answer{loop_};
};

// A connection of ours and the bytes of its client.
struct Served : http1::ServerConnection::Owner {
  Served() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    begin(ends[0], ends[1]);
  }
  Served(int server_end, int client_end) { begin(server_end, client_end); }
  void begin(int server_end, int client_end) {
    client = client_end;
    http1::ServerConnection::Owner& owner = *this;
    connection = std::make_unique<http1::ServerConnection>(
        std::make_unique<net::Transport>(loop, server_end), lingering, info,
        std::make_shared<const http1::ServerSettings>(settings), service, owner);
    connection->start({});
    loop.turn(base::Millis{0});
  }
  virtual ~Served() {
    connection.reset();
    ::close(client);
  }
  void on_closed(http1::ServerConnection&) override { is_closed = true; }

  void say(std::string_view text) {
    REQUIRE(::send(client, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  // What comes up to and with `mark`.
  std::string hear(std::string_view mark) {
    std::string heard;
    const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
    while (heard.find(mark) == heard.npos && base::Clock::now() < limit) {
      loop.turn(base::Millis{5});
      char byte;
      while (heard.find(mark) == heard.npos && ::recv(client, &byte, 1, 0) == 1) heard += byte;
    }
    return heard;
  }
  // What comes until the other side has sent its end.
  std::string hear_all() {
    std::string heard;
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (base::Clock::now() < limit) {
      loop.turn(base::Millis{5});
      char room[64 * 1024];
      const ssize_t got = ::recv(client, room, sizeof room, 0);
      if (got == 0) return heard;
      if (got > 0) heard.append(room, static_cast<std::size_t>(got));
    }
    return heard + " and no end";
  }

  base::EventLoop loop;
  net::Lingering lingering{loop};
  http::ConnectionInfo info;
  http1::ServerSettings settings;
  Service service{loop};
  bool is_closed = false;
  int client = -1;
  std::unique_ptr<http1::ServerConnection> connection;
};

TEST_CASE_FIXTURE(Served, "http1 drain: an idle connection closes without a word") {
  say("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
  hear("\r\n\r\n");
  connection->drain();
  loop.turn(base::Millis{0});
  CHECK(hear_all() == "");
  CHECK(is_closed);
}

TEST_CASE_FIXTURE(Served, "http1 drain: a first request that comes a moment later is answered") {
  connection->drain();
  for (int i = 0; i < 5; ++i) loop.turn(base::Millis{0});
  CHECK_FALSE(is_closed);
  say("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
  const std::string answer = hear_all();
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("connection: close\r\n") != answer.npos);
  CHECK(is_closed);
}

TEST_CASE_FIXTURE(Served, "http1 drain: a connection that never asks for anything closes as well") {
  connection->drain();
  CHECK(hear_all() == "");
  CHECK(is_closed);
}

TEST_CASE_FIXTURE(Served, "http1 drain: a request that has come is answered, nobody having read it yet") {
  say("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
  connection->drain();
  const std::string answer = hear_all();
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("connection: close\r\n") != answer.npos);
  CHECK(service.requests == 1);
  CHECK(is_closed);
}

TEST_CASE_FIXTURE(Served, "http1 drain: a request that was on its way is answered, and the last") {
  say("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
  hear("\r\n\r\n");
  connection->drain();
  loop.turn(base::Millis{0});
  CHECK_FALSE(is_closed);
  say("GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
  const std::string answer = hear_all();
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("connection: close\r\n") != answer.npos);
  CHECK(is_closed);
}

TEST_CASE_FIXTURE(Served, "http1 drain: a head that has begun to come is waited for") {
  say("GET / HTTP/1.1\r\nho");
  loop.turn(base::Millis{100});
  connection->drain();
  loop.turn(base::Millis{0});
  say("st: a.test\r\n\r\n");
  CHECK(hear_all().starts_with("HTTP/1.1 200 "));
}

TEST_CASE("http1: what is pipelined behind a body does not hold a read block") {
  const std::size_t before = base::block_bytes_in_use();
  Served sides[4];
  for (Served& side : sides) {
    side.service.never_answers = true;
    side.say("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2\r\n\r\n");
    side.loop.turn(base::Millis{100});
    REQUIRE(side.service.requests == 1);
    side.say("okG");
    side.loop.turn(base::Millis{100});
  }
  CHECK(base::block_bytes_in_use() < before + 2 * base::ReadBlock::capacity);
}

constexpr std::string_view a_get = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";

TEST_CASE_FIXTURE(Served,
                  "http1: an early answer says close, and the rest is read so that it arrives") {
  service.answers_early = true;
  constexpr std::size_t large = 10 * 1024 * 1024;
  say("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: " + std::to_string(large) + "\r\n\r\n");
  std::size_t sent = 0;
  const std::string piece(64 * 1024, 'x');
  bool is_broken = false;
  while (sent < large && !is_broken) {
    loop.turn(base::Millis{0});
    const ssize_t count = ::send(client, piece.data(), piece.size(), MSG_NOSIGNAL);
    is_broken = count < 0 && errno != EAGAIN;
    if (count > 0) sent += static_cast<std::size_t>(count);
  }
  CHECK_FALSE(is_broken);
  const std::string answer = hear_all();
  CHECK(answer.starts_with("HTTP/1.1 200 "));
  CHECK(answer.find("connection: close\r\n") != answer.npos);
  CHECK(is_closed);
}

TEST_CASE_FIXTURE(Served,
                  "http1: behind an early answer a short rest is read, and the connection kept") {
  service.answers_early = true;
  say("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 5\r\n\r\nab");
  CHECK(hear("\r\n\r\n").find("connection:") == std::string::npos);
  say(std::string("cde").append(a_get));
  CHECK(hear("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(service.requests == 2);
}

TEST_CASE_FIXTURE(Served,
                  "http1: chunks that have come whole do not cost an early answer its connection") {
  service.answers_early = true;
  const std::string head = "POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n";
  say(head + "2\r\nab\r\n0\r\n\r\n");
  // The service says where an answer is from; this one is made by the proxy itself.
  CHECK(hear("\r\n\r\n").find("connection:") == std::string::npos);
  say(head + "2\r\nab\r\n");
  CHECK(hear("\r\n\r\n").find("connection: close") != std::string::npos);
}

TEST_CASE_FIXTURE(Served, "http1: 100 is said once, whoever says it first") {
  const std::string head =
      "POST / HTTP/1.1\r\nhost: a.test\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
  for (const bool is_relayed : {false, true}) {
    service.relays_continue = is_relayed;
    say(head);
    CHECK(hear("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
    say("ok");
    CHECK(hear("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  }
}

TEST_CASE_FIXTURE(Served, "http1: a client that has only stopped sending gets its answer, and nothing else") {
  service.waits = true;
  SUBCASE("without a body") { say(a_get); }
  SUBCASE("with one that nobody has read as yet") {
    service.waits_to_read = true;
    say("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 2\r\n\r\nok");
  }
  ::shutdown(client, SHUT_WR);
  while (service.requests == 0) loop.turn(base::Millis{5});
  service.may_read.set();
  loop.turn(base::Millis{5});
  CHECK_FALSE(is_closed);
  service.may_answer.set();
  CHECK(hear_all().starts_with("HTTP/1.1 200 "));
}

TEST_CASE_FIXTURE(Served, "http1: one who stopped sending and is sent nothing has left") {
  service.waits = true;
  say(a_get);
  ::shutdown(client, SHUT_WR);
  CHECK(hear_all().starts_with("HTTP/1.1 400 "));
  CHECK(service.unfinished == 1);
}

TEST_CASE_FIXTURE(Served, "http1: one who stopped sending and takes its time has not left") {
  service.body_size = 64 * Service::a_piece;
  say(a_get);
  ::shutdown(client, SHUT_WR);
  const base::Time later = base::Clock::now() + std::chrono::milliseconds(2'500);
  while (base::Clock::now() < later) loop.turn(base::Millis{100});
  CHECK_FALSE(is_closed);
  CHECK(hear_all().ends_with("x\r\n0\r\n\r\n"));
}

TEST_CASE_FIXTURE(Served, "http1: who ends a request midway has left, and is told so if it reads on") {
  SUBCASE("while its body is waited for") {}
  SUBCASE("while nobody reads its body") { service.waits_to_read = true; }
  say("POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 3\r\n\r\nok");
  ::shutdown(client, SHUT_WR);
  CHECK(hear_all().starts_with("HTTP/1.1 400 "));
  CHECK(service.unfinished == 1);
}

TEST_CASE_FIXTURE(Served, "http1: who was refused may go on sending for 5 s, and reads why") {
  service.answers_early = true;
  say("GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n");
  CHECK(hear_all().starts_with("HTTP/1.1 200 "));  // of this service
  const base::Time refused = base::Clock::now();
  const base::Time limit = refused + std::chrono::seconds(20);
  while (!lingering.empty() && base::Clock::now() < limit) loop.turn(base::Millis{100});
  CHECK(base::Clock::now() - refused > std::chrono::seconds(4));
}

// One that was idle for long enough to rest.
struct Rested : Served {
  Rested() {
    say(a_get);
    hear("\r\n\r\n");
    const base::Time later = base::Clock::now() + std::chrono::milliseconds(250);
    while (base::Clock::now() < later) loop.turn(base::Millis{100});
    REQUIRE_FALSE(is_closed);
  }
};

TEST_CASE_FIXTURE(Rested, "http1: a connection that rests answers the next request, also in pieces") {
  SUBCASE("that comes whole") { say(a_get); }
  SUBCASE("that comes in pieces") {
    say(a_get.substr(0, 10));
    loop.turn(base::Millis{100});
    say(a_get.substr(10));
  }
  CHECK(hear("\r\n\r\n").starts_with("HTTP/1.1 200 "));
  CHECK(service.requests == 2);
}

TEST_CASE_FIXTURE(Rested, "http1: a connection that rests ends as any other that is idle") {
  SUBCASE("when its client leaves") { ::shutdown(client, SHUT_WR); }
  SUBCASE("when it drains") { connection->drain(); }
  SUBCASE("when it is cut") { connection->cut(); }
  CHECK(hear_all() == "");
  CHECK(is_closed);
}

struct BrieflyIdle : Rested {
  BrieflyIdle() { settings.idle_timeout = base::Millis{500}; }
};

TEST_CASE_FIXTURE(BrieflyIdle, "http1: a connection that rests has its idle timeout") {
  connection->adopt(std::make_shared<const http1::ServerSettings>(settings));
  say(a_get);
  hear("\r\n\r\n");
  const base::Time answered = base::Clock::now();
  CHECK(hear_all() == "");
  CHECK(is_closed);
  CHECK(base::Clock::now() - answered >= std::chrono::milliseconds(450));
}

// A TCP connection within this machine.
struct Ends {
  Ends() {
    const int listening = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* name = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    REQUIRE(::bind(listening, name, size) == 0);
    REQUIRE(::listen(listening, 1) == 0);
    REQUIRE(::getsockname(listening, name, &size) == 0);
    client = ::socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(::connect(client, name, size) == 0);
    REQUIRE(::fcntl(client, F_SETFL, O_NONBLOCK) == 0);
    server = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK);
    ::close(listening);
  }
  int server = -1;
  int client = -1;
};

struct ServedOverTcp : Served {
  explicit ServedOverTcp(Ends ends = {}) : Served(ends.server, ends.client) {}
};

TEST_CASE_FIXTURE(ServedOverTcp, "http1: an app beside us that has closed is let go soon") {
  service.waits = true;
  say(a_get);
  while (service.requests == 0) loop.turn(base::Millis{5});
  ::close(client);
  const base::Time closed = base::Clock::now();
  while (!is_closed && base::Clock::now() < closed + std::chrono::seconds(10))
    loop.turn(base::Millis{5});
  CHECK(base::Clock::now() - closed < std::chrono::milliseconds(500));
  CHECK(service.unfinished == 1);
  client = ::dup(0);
}

TEST_CASE_FIXTURE(ServedOverTcp, "http1: what an app asks before it closes is done, in time and in order") {
  service.waits = true;
  say(a_get);
  while (service.requests == 0) loop.turn(base::Millis{5});
  say(a_get);
  ::close(client);
  for (int i = 0; i < 10; ++i) loop.turn(base::Millis{20});
  CHECK_FALSE(is_closed);
  service.may_answer.set();
  while (!is_closed) loop.turn(base::Millis{5});
  CHECK(service.requests == 2);
  client = ::dup(0);
}

TEST_CASE_FIXTURE(ServedOverTcp, "http1: an app beside us that has only stopped sending is answered") {
  service.waits = true;
  say(a_get);
  ::shutdown(client, SHUT_WR);
  while (service.requests == 0) loop.turn(base::Millis{5});
  loop.turn(base::Millis{100});
  CHECK_FALSE(is_closed);
  service.may_answer.set();
  CHECK(hear_all().starts_with("HTTP/1.1 200 "));
}

TEST_CASE_FIXTURE(Served, "http1: a client that is gone is owed nothing") {
  service.waits = true;
  say(a_get);
  loop.turn(base::Millis{5});
  REQUIRE(service.requests == 1);
  ::close(client);
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  while (!is_closed && base::Clock::now() < limit) loop.turn(base::Millis{5});
  CHECK(is_closed);
  client = ::dup(0);
}

}  // namespace
