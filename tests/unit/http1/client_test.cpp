#include "proxy/http1/client.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/task_group.hpp"

namespace {

using base::Task;

// A connection to an upstream that the test plays.
struct Connected : http1::ClientConnection::Owner, http::Interim {
  Connected() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    upstream = ends[1];
    http1::ClientConnection::Owner& owner = *this;
    connection = std::make_unique<http1::ClientConnection>(
        std::make_unique<net::Transport>(loop, ends[0]), limits, owner);
  }
  virtual ~Connected() {
    tasks.cancel_all();
    stream.reset();
    connection.reset();
    if (upstream >= 0) ::close(upstream);
  }
  void on_idle(http1::ClientConnection&) override { ++idle; }
  void on_closed(http1::ClientConnection&) override { ++closed; }
  void send_interim(int, const http::Headers&) noexcept override { ++interim; }

  void say(std::string_view wire) {
    REQUIRE(::send(upstream, wire.data(), wire.size(), 0) == static_cast<ssize_t>(wire.size()));
  }

  // Sends a request, with a body if that is not empty, and reads its answer.
  void ask(std::string_view body) {
    stream = connection->open();
    http::RequestHead head;
    head.method = body.empty() ? http::Method::get : http::Method::post;
    head.path = "/";
    head.authority = "a.test";
    REQUIRE(stream->send_head(head, body.empty()));
    if (!body.empty()) tasks.spawn(upload(base::Bytes::copy_of(body))).release();
    tasks.spawn(answer()).release();
    loop.turn(base::Millis{0});  // it goes out
  }
  Task<> upload(base::Bytes body) {
    base::Result<void> written = co_await stream->write(body);
    while (written) written = co_await stream->write(body);
    has_failed_to_write = true;
  }
  Task<> answer() {
    http::Reply reply = co_await stream->read_head(*this);
    if (reply) status = reply->status;
    bool goes_on = reply.ok() && stream->has_body();
    while (goes_on) {
      base::Result<base::Bytes> piece = co_await stream->read();
      goes_on = piece && !piece->empty();
      if (piece) text.append(piece->view());
      if (!piece) detail = piece.error().detail;
    }
    is_answered = true;
  }
  template <typename Condition>
  bool turn_until(Condition holds) {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
    while (!holds() && base::Clock::now() < limit) loop.turn(base::Millis{5});
    return holds();
  }

  base::EventLoop loop;
  http1::ClientLimits limits;
  std::unique_ptr<http1::ClientConnection> connection;
  std::unique_ptr<http::ClientStream> stream;
  base::TaskGroup tasks{loop};
  int upstream = -1;
  int idle = 0, closed = 0, interim = 0, status = 0;
  std::string text, detail;
  bool is_answered = false, has_failed_to_write = false;
};

TEST_CASE_FIXTURE(Connected, "http1 client: a connection whose exchange ended whole is used again") {
  ask("");
  say("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
  REQUIRE(turn_until([this] { return is_answered; }));
  CHECK(text == "ok");
  CHECK(interim == 1);
  CHECK(idle == 1);
  CHECK(closed == 0);
}

TEST_CASE("http1 client: not so where an interim response speaks of a body") {
  for (const std::string field : {"content-length: 0", "content-length: 5", "transfer-encoding: chunked"}) {
    CAPTURE(field);
    Connected side;
    side.ask("");
    side.say("HTTP/1.1 103 Early Hints\r\n" + field +
             "\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    REQUIRE(side.turn_until([&side] { return side.is_answered; }));
    CHECK(side.text == "ok");
    CHECK(side.idle == 0);
    CHECK(side.closed == 1);
  }
}

TEST_CASE_FIXTURE(Connected,
                  "http1 client: the answer that came counts, though the rest could not be written") {
  ask(std::string(1024 * 1024, 'x'));
  loop.turn(base::Millis{5});
  say("HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\n\r\nbig!");
  ::close(upstream);  // with most of the request unread: a reset
  upstream = -1;
  REQUIRE(turn_until([this] { return is_answered && has_failed_to_write; }));
  CHECK(status == 413);
  CHECK(text == "big!");
}

TEST_CASE_FIXTURE(Connected, "http1 client: trailers over a limit say which") {
  limits.trailer_bytes = 20;
  ask("");
  say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: " +
      std::string(20, 'v') + "\r\n\r\n");
  REQUIRE(turn_until([this] { return is_answered; }));
  CHECK(detail.find("limits.trailer_bytes") != detail.npos);
}

}  // namespace
