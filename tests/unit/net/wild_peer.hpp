// A client that uses OpenSSL as it likes, against a transport of ours as the server. One thread.
#pragma once

#include <doctest/doctest.h>

#include "tests/unit/net/line.hpp"

namespace net_test {

struct WildPeer {
  WildPeer() { SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr); }
  WildPeer(const WildPeer&) = delete;
  WildPeer& operator=(const WildPeer&) = delete;
  ~WildPeer() {
    tasks.cancel_all();
    hang_up();
  }

  void hang_up() {
    if (ssl) SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN);  // or its session is not resumable
    ssl.reset();
    transport.reset();
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
  // On a new connection; `offered` is a session to resume.
  void shake_hands(int version, SSL_SESSION* offered = nullptr) {
    hang_up();
    int both[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) == 0);
    transport = std::make_unique<net::Transport>(loop, both[0]);
    descriptor = both[1];
    SSL_CTX_set_max_proto_version(context.get(), version);
    ssl.reset(SSL_new(context.get()));
    if (offered) REQUIRE(SSL_set_session(ssl.get(), offered) == 1);
    shaken.reset();
    SSL_set_fd(ssl.get(), descriptor);
    SSL_set_connect_state(ssl.get());
    auto session = std::make_unique<net::TlsSession>(
        server ? server : identities.server_context(), transport->descriptor(), Role::server);
    tasks.spawn(Line::shake(*transport, std::move(session), base::never, shaken))
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
  std::shared_ptr<const certs::TlsContext> server;  // none: the usual
  base::EventLoop loop;
  base::TaskGroup tasks{loop};
  std::unique_ptr<net::Transport> transport;
  Shaken shaken;
  int descriptor = -1;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context{SSL_CTX_new(TLS_client_method()),
                                                            SSL_CTX_free};
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl{nullptr, SSL_free};
};

}  // namespace net_test
