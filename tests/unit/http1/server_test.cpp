#include "proxy/http1/server.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

namespace {

using base::Task;

// Reads the request and answers 200 without a body, or never.
class Service final : public http::Service {
 public:
  explicit Service(base::Loop& loop) : loop_(loop) {}
  Task<> serve(http::Incoming incoming, http::ServerStream& stream) override {
    ++requests;
    for (;;) {
      const base::Result<base::Bytes> piece = co_await incoming.body.read();
      if (!piece || piece->empty()) break;
    }
    if (never_answers) co_await base::sleep_until(loop_, base::never);
    http::Response response;
    response.status = 200;
    const base::Result<void> sent = stream.send_head(response, true);
    (void)sent;
    co_return;
  }
  bool is_draining() const override { return false; }
  int requests = 0;
  bool never_answers = false;

 private:
  base::Loop& loop_;
};

// A connection of ours and the bytes of its client.
struct Served : http1::ServerConnection::Owner {
  Served() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    client = ends[1];
    http1::ServerConnection::Owner& owner = *this;
    connection = std::make_unique<http1::ServerConnection>(
        std::make_unique<net::Transport>(loop, ends[0]), lingering, info, settings, service, owner);
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
  // What comes until the other side has sent its end.
  std::string hear_all() {
    std::string heard;
    const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
    while (base::Clock::now() < limit) {
      loop.turn(base::Millis{5});
      char room[4096];
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

}  // namespace
