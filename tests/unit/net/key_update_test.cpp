// A peer that uses OpenSSL as it likes, against a transport of ours.
#include <doctest/doctest.h>

#include "tests/unit/net/line.hpp"

namespace {

using net::Input;
using net_test::Identities;

struct WildPeer {
  WildPeer() {
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    transport = std::make_unique<net::Transport>(loop, both[0]);
    descriptor = both[1];
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  }
  ~WildPeer() {
    tasks.cancel_all();
    ssl.reset();
    ::close(descriptor);
  }

  void shake_hands(int version) {
    SSL_CTX_set_max_proto_version(context.get(), version);
    ssl.reset(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), descriptor);
    SSL_set_connect_state(ssl.get());
    auto session = std::make_unique<net::TlsSession>(
        identities.server_context(), transport->descriptor(), net_test::Role::server);
    tasks.spawn(net_test::Line::shake(*transport, std::move(session), base::never, shaken))
        .release();
    for (int i = 0; i < 1'000 && !(shaken && SSL_is_init_finished(ssl.get())); ++i) {
      SSL_do_handshake(ssl.get());
      loop.turn(base::Millis{1});
    }
    REQUIRE(shaken);
    REQUIRE(shaken->ok());
  }
  Input read() {
    loop.turn(base::Millis{0});
    return transport->read_now();
  }
  void say(std::string_view text) {
    REQUIRE(SSL_write(ssl.get(), text.data(), static_cast<int>(text.size())) ==
            static_cast<int>(text.size()));
  }
  void drop_answers() {
    char room[1'024];
    while (SSL_read(ssl.get(), room, sizeof room) > 0) {
    }
  }

  Identities identities;
  base::EventLoop loop;
  base::TaskGroup tasks{loop};
  std::unique_ptr<net::Transport> transport;
  net_test::Shaken shaken;
  int descriptor = -1;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()),
                                                            SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, SSL_free};
};

TEST_CASE_FIXTURE(WildPeer, "tls: a few key updates are answered") {
  shake_hands(TLS1_3_VERSION);
  for (int i = 0; i < 10; ++i) {
    REQUIRE(SSL_key_update(ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    say("text");
    CHECK(read().bytes.view() == "text");
    transport->send("answer");
    loop.turn(base::Millis{0});
    char room[100];
    CHECK(SSL_read(ssl.get(), room, sizeof room) == 6);
  }
}

TEST_CASE_FIXTURE(WildPeer, "tls: a flood of key updates ends the connection") {
  shake_hands(TLS1_3_VERSION);
  Input input;
  int updates = 0;
  while (input.state != Input::State::failed && updates < 1'000) {
    REQUIRE(SSL_key_update(ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    if (SSL_do_handshake(ssl.get()) != 1) break;
    ++updates;
    input = read();
    drop_answers();
  }
  CHECK(input.state == Input::State::failed);
  CHECK(updates < 70);
  CHECK(transport->tls()->error().detail == "the peer floods us with key updates");
}

TEST_CASE_FIXTURE(WildPeer, "tls: key updates of a peer that reads nothing do not pile up") {
  shake_hands(TLS1_3_VERSION);
  const int least = 1;
  REQUIRE(setsockopt(transport->descriptor(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least) == 0);
  const std::string text(70'000, 'x');
  Input input;
  std::size_t most = 0;
  for (int i = 0; i < 400 && input.state != Input::State::failed; ++i) {
    REQUIRE(SSL_key_update(ssl.get(), SSL_KEY_UPDATE_REQUESTED) == 1);
    say(text);
    do {
      input = read();
    } while (input.state == Input::State::data);
    most = std::max(most, transport->unsent());
  }
  CHECK(most > 0);
  CHECK(most <= 4 * net::TlsWire::most_collected);
}

TEST_CASE_FIXTURE(WildPeer, "tls: a renegotiation is refused, and the text goes on") {
  shake_hands(TLS1_2_VERSION);
  SSL_renegotiate(ssl.get());
  SSL_do_handshake(ssl.get());
  const Input input = read();
  CHECK(input.state == Input::State::would_block);
  SSL_do_handshake(ssl.get());
  CHECK(SSL_get_secure_renegotiation_support(ssl.get()) == 1);
  CHECK(SSL_version(ssl.get()) == TLS1_2_VERSION);
}

}  // namespace
