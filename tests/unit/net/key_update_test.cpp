// What a peer can do to a session once it is there.
#include <doctest/doctest.h>
#include <openssl/err.h>

#include "tests/unit/net/wild_peer.hpp"

namespace {

using net::Input;
using net_test::WildPeer;

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

TEST_CASE_FIXTURE(WildPeer, "tls: a renegotiation is refused, and the connection goes on") {
  shake_hands(TLS1_2_VERSION);
  REQUIRE(SSL_renegotiate(ssl.get()) == 1);
  CHECK(SSL_do_handshake(ssl.get()) == -1);
  CHECK(read().state == Input::State::would_block);
  ERR_clear_error();
  CHECK(SSL_do_handshake(ssl.get()) == -1);
  CHECK(ERR_GET_REASON(ERR_peek_error()) == SSL_R_NO_RENEGOTIATION);
  ERR_clear_error();
  transport->send("an answer");
  loop.turn(base::Millis{0});
  CHECK(!transport->write_error());
  CHECK(transport->unsent() == 0);
}

}  // namespace
