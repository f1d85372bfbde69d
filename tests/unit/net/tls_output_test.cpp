// What a transport writes over TLS, and how it ends.
#include <doctest/doctest.h>
#include <netinet/in.h>

#include "proxy/net/transport.hpp"
#include "tests/unit/net/line.hpp"

namespace {

using net::Input;
using net_test::Identities;
using net_test::Line;

constexpr std::size_t full_record = 16 * 1024;

const Identities& identities() {
  static const Identities all;
  return all;
}

std::string numbered(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  text.resize(size);
  return text;
}

// The sizes of the records' texts. TLS 1.3 adds a type and a tag to each.
std::vector<std::size_t> record_sizes(std::string_view wire) {
  std::vector<std::size_t> sizes;
  while (!wire.empty()) {
    REQUIRE(wire.size() >= 5);
    const auto size = static_cast<std::size_t>(static_cast<unsigned char>(wire[3]) << 8 |
                                               static_cast<unsigned char>(wire[4]));
    REQUIRE(wire.size() >= 5 + size);
    sizes.push_back(size - 17);
    wire.remove_prefix(5 + size);
  }
  return sizes;
}

struct TlsOutput {
  explicit TlsOutput(int kind = SOCK_STREAM) : line(kind) {
    line.shake_hands(identities().server_context(), identities().client_context());
    REQUIRE(line.both_agree());
    for (int i = 0; i < 4; ++i) line.turn();  // the tickets
    line.read(*line.client, 0);
    line.to_client = {};
  }
  base::Task<> wait(std::size_t most) {
    const bool came = co_await line.server->drained(most);
    is_drained = came;
  }

  Line line;
  bool is_drained = false;
};

struct CountedOutput : TlsOutput {
  CountedOutput() : TlsOutput(SOCK_SEQPACKET) {}
};

TEST_CASE_FIXTURE(CountedOutput, "tls output: a head and its body are full records in one send") {
  const std::string text = numbered(300 + 40'000);
  line.server->queue(std::string_view(text).substr(0, 300));
  line.server->queue(base::Bytes::copy_of(std::string_view(text).substr(300)));
  line.server->flush();
  CHECK(line.server->unsent() == 0);
  CHECK(line.read(*line.client, text.size()) == text);
  CHECK(line.to_client.pieces == 1);
  CHECK(record_sizes(line.to_client.seen) ==
        std::vector<std::size_t>{full_record, full_record, 300 + 40'000 - 2 * full_record});
}

TEST_CASE_FIXTURE(CountedOutput, "tls output: many small pieces are one record, no pieces none") {
  std::string expected;
  for (int i = 0; i < 50; ++i) {
    const std::string piece = "piece " + std::to_string(i) + ';';
    line.server->queue(base::Bytes::copy_of(piece));
    expected += piece;
  }
  line.server->flush();
  line.server->flush();
  CHECK(line.read(*line.client, expected.size()) == expected);
  CHECK(record_sizes(line.to_client.seen) == std::vector<std::size_t>{expected.size()});
}

TEST_CASE_FIXTURE(CountedOutput, "tls output: a send is bounded, so that little is made ahead") {
  const std::string text = numbered(20 * full_record);
  line.server->queue(base::Bytes::copy_of(text));
  line.server->flush();
  CHECK(line.read(*line.client, text.size()) == text);
  CHECK(line.to_client.pieces == 5);
  CHECK(record_sizes(line.to_client.seen) == std::vector<std::size_t>(20, full_record));
}

TEST_CASE_FIXTURE(TlsOutput, "tls output: a connection at rest holds no buffer") {
  base::Bytes body = base::Bytes::copy_of(numbered(100'000));
  const std::string text(body.view());
  const std::size_t before = base::block_bytes_in_use() - body.cost();
  line.server->send("head");
  line.server->send(std::move(body));
  CHECK(line.read(*line.client, text.size() + 4) == "head" + text);
  line.last = {};
  CHECK(line.server->unsent() == 0);
  CHECK(base::block_bytes_in_use() <= before + base::ReadBlock::capacity);  // the thread's own
}

TEST_CASE_FIXTURE(TlsOutput, "tls output: a slow reader gets it all, and little is made ahead") {
  const std::string text = numbered(3'000'000);
  line.to_client.is_stopped = true;
  std::size_t queued = 0;
  while (queued < text.size()) {
    const std::size_t size = std::min<std::size_t>(text.size() - queued, 1 + queued / 3);
    line.server->send(base::Bytes::copy_of(std::string_view(text).substr(queued, size)));
    queued += size;
  }
  const std::size_t left = line.server->unsent();
  CHECK(left > text.size() / 2);
  CHECK(line.server->tls()->unsent() <= net::TlsWire::most_collected + 2 * full_record);
  CHECK(line.server->written() >= text.size() - left);
  line.tasks.spawn(wait(100'000)).release();
  line.turn();
  CHECK(!is_drained);
  line.to_client.is_stopped = false;
  line.piece = 10'007;
  CHECK(line.read(*line.client, text.size()) == text);
  CHECK(is_drained);
  CHECK(line.server->unsent() == 0);
  CHECK(line.server->written() > text.size());
}

TEST_CASE_FIXTURE(TlsOutput, "tls output: the end comes behind the last byte, as a close_notify") {
  const std::string text = numbered(1'500'000);
  line.to_client.is_stopped = true;
  line.server->send(base::Bytes::copy_of(text));
  line.server->shutdown_send();
  for (int i = 0; i < 3; ++i) line.turn();
  CHECK(line.server->unsent() > 0);
  line.to_client.is_stopped = false;
  CHECK(line.read(*line.client, text.size() + 1) == text);
  CHECK(line.last.state == Input::State::end);
}

TEST_CASE_FIXTURE(TlsOutput, "tls input: an end without close_notify is a failure, never an end") {
  line.server->send("some text");
  CHECK(line.read(*line.client, 9) == "some text");
  SUBCASE("between records") { ::shutdown(line.near_client, SHUT_WR); }
  SUBCASE("in a record") {
    line.server->send("more of it");
    line.to_client.is_stopped = true;
    line.turn();
    char room[20];
    REQUIRE(::recv(line.near_server, room, sizeof room, 0) == sizeof room);
    REQUIRE(::send(line.near_client, room, sizeof room, 0) == sizeof room);
    ::shutdown(line.near_client, SHUT_WR);
  }
  CHECK(line.read(*line.client, 1).empty());
  CHECK(line.last.state == Input::State::failed);
  CHECK(line.client->tls()->error().detail ==
        "the connection was closed without a close_notify");
}

TEST_CASE_FIXTURE(TlsOutput, "tls: who stops sending without a close_notify can still be answered") {
  line.client->send("a request");
  line.turn();
  line.turn();
  ::shutdown(line.near_server, SHUT_WR);  // in one edge with what it sent
  line.turn();
  CHECK(line.read(*line.server, 100) == "a request");
  CHECK(line.last.state == Input::State::failed);
  CHECK(line.server->read_now().state == Input::State::failed);  // and stays so
  const std::string answer = numbered(200'000);
  line.server->send(base::Bytes::copy_of(answer));
  line.server->shutdown_send();
  CHECK(line.read(*line.client, answer.size() + 1) == answer);
  CHECK(line.last.state == Input::State::end);
}

TEST_CASE_FIXTURE(TlsOutput, "tls input: text and the end at once are both told") {
  line.client->send("the last words");
  line.client->shutdown_send();
  CHECK(line.read(*line.server, 100) == "the last words");
  CHECK(line.last.state == Input::State::end);
}

TEST_CASE_FIXTURE(TlsOutput, "tls input: what was changed on the way is a failure") {
  line.to_client.is_stopped = true;
  line.server->send("some text");
  line.turn();
  char room[200];
  const ssize_t got = ::recv(line.near_server, room, sizeof room, 0);
  REQUIRE(got > 10);
  room[got - 1] = static_cast<char>(room[got - 1] ^ 1);
  REQUIRE(::send(line.near_client, room, static_cast<std::size_t>(got), 0) == got);
  CHECK(line.read(*line.client, 1).empty());
  CHECK(line.last.state == Input::State::failed);
}

TEST_CASE_FIXTURE(TlsOutput, "tls: writing to who is gone fails, reading what it sent does not") {
  line.client->send("a late answer");
  line.turn();
  line.turn();
  ::shutdown(line.near_server, SHUT_RD);  // what we send breaks
  line.server->send("a request");
  line.loop.turn(base::Millis{0});
  CHECK(line.server->write_error() == boost::system::errc::broken_pipe);
  CHECK(line.server->unsent() == 0);
  line.server->send("more");
  line.loop.turn(base::Millis{0});
  CHECK(line.server->unsent() == 0);
  CHECK(line.server->read_now().bytes.view() == "a late answer");
}

}  // namespace
