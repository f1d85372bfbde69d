#include "proxy/net/tls_accept.hpp"

#include "tests/unit/net/line.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using net::TlsFailure;
using net_test::Identities;

// A client that says what it likes to a port of ours that speaks TLS.
struct Port {
  Port() { remake(); }
  ~Port() {
    tasks.cancel_all();
    leave();
  }
  void leave() {
    if (client >= 0) ::close(std::exchange(client, -1));
  }
  void remake() {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    leave();
    client = ends[1];
    transport = std::make_unique<net::Transport>(loop, ends[0]);
  }
  base::Task<> accept(base::Duration limit) {
    const std::shared_ptr<const certs::TlsContext> context = identities.server_context();
    std::optional<net::FailedHandshake> result =
        co_await net::accept_tls(*transport, context, turns, loop.now() + limit);
    failed = result;
    is_done = true;
  }
  void start(base::Duration limit = std::chrono::seconds(20)) {
    is_done = false;
    failed.reset();
    tasks.spawn(accept(limit)).release();
  }
  void say(std::string_view text) {
    REQUIRE(::send(client, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void turn_until_done() {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(20);
    while (!is_done && base::Clock::now() < limit) loop.turn(base::Millis{1});
    REQUIRE(is_done);
  }
  // The client's side with OpenSSL, as far as it gets.
  TlsFailure shake(SSL_CTX* context, const char* alpn = "") {
    remake();
    start();
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context), SSL_free);
    if (*alpn)
      SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(alpn),
                          static_cast<unsigned>(std::string_view(alpn).size()));
    SSL_set_fd(ssl.get(), client);
    SSL_set_connect_state(ssl.get());
    const base::Time limit = base::Clock::now() + std::chrono::seconds(20);
    while (!is_done && base::Clock::now() < limit) {
      SSL_do_handshake(ssl.get());
      ERR_clear_error();
      loop.turn(base::Millis{1});
    }
    REQUIRE(is_done);
    is_agreed = !failed;
    return failed ? failed->failure : TlsFailure::other;
  }

  Identities identities;
  base::EventLoop loop;
  net::HandshakeTurns turns{loop};
  base::TaskGroup tasks{loop};
  std::unique_ptr<net::Transport> transport;
  int client = -1;
  bool is_done = false;
  bool is_agreed = false;
  std::optional<net::FailedHandshake> failed;
};

using ClientContext = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

// Believes anybody.
ClientContext any_client() {
  return {SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
}

void show(SSL_CTX* context, Identities& from, const certs_test::Pair& pair) {
  const std::string certificate = from.folder.write("shown.crt", pair.certificate);
  const std::string key = from.folder.write("shown.key", pair.key);
  REQUIRE(SSL_CTX_use_certificate_file(context, certificate.c_str(), SSL_FILETYPE_PEM) == 1);
  REQUIRE(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1);
}

TEST_CASE_FIXTURE(Port,
                  "tls accept: HTTP in clear is known by any method, and not answered in TLS") {
  for (std::string text : {"GET / HTTP/1.1\r\n", "DELETE /a", "OPTIONS", "PROPFIND / H", "P",
                           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\n"}) {
    CAPTURE(text);
    remake();
    start();
    say(text);
    turn_until_done();
    REQUIRE(failed);
    CHECK(failed->failure == TlsFailure::plain_http);
    CHECK_FALSE(transport->tls());
  }
}

TEST_CASE_FIXTURE(Port, "tls accept: what is neither is not TLS") {
  for (std::string text :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\x80\x2e\x01\x03\x01", "get / http",
        "\x16\x03\x01\xff\xff\x01\x00\x00\x00\x00\x00", "\x17\x03\x03\x00\x01x"}) {
    CAPTURE(text);
    remake();
    start();
    say(text + std::string(60, 'x'));
    turn_until_done();
    REQUIRE(failed);
    CHECK_MESSAGE(failed->failure == TlsFailure::not_tls, failed->error.cause.message());
  }
}

TEST_CASE_FIXTURE(Port, "tls accept: a client that leaves, before its first byte or behind it") {
  start();
  leave();
  turn_until_done();
  REQUIRE(failed);
  CHECK(failed->failure == TlsFailure::client_gone);
  CHECK(failed->is_silent);
  remake();
  start();
  say(std::string_view("\x16\x03\x01\x00\x80\x01", 6));
  leave();
  turn_until_done();
  REQUIRE(failed);
  CHECK(failed->failure == TlsFailure::client_gone);
  CHECK_FALSE(failed->is_silent);
}

TEST_CASE_FIXTURE(Port, "tls accept: a client that stalls, before its first byte or behind it") {
  for (std::string text : {std::string(), std::string("\x16\x03\x01\x00\x80\x01", 6)}) {
    remake();
    start(base::Millis{20});
    if (!text.empty()) say(text);
    turn_until_done();
    REQUIRE(failed);
    CHECK(failed->failure == TlsFailure::timeout);
  }
}

TEST_CASE_FIXTURE(Port, "tls accept: an old version, and no protocol or cipher in common") {
  const ClientContext old = any_client();
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  CHECK(shake(old.get()) == TlsFailure::old_version);
  const ClientContext odd = any_client();
  SSL_CTX_set_max_proto_version(odd.get(), TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(odd.get(), "AES128-SHA256");
  CHECK(shake(odd.get()) == TlsFailure::no_cipher);
  const ClientContext fine = any_client();
  identities.server.protocols = {"h2"};
  CHECK(shake(fine.get()) == TlsFailure::no_protocol);
  CHECK(shake(fine.get(), "\x08http/1.1") == TlsFailure::no_protocol);
  shake(fine.get(), "\x02h2");
  CHECK(is_agreed);
  identities.server.protocols = {"http/1.1"};
  CHECK(shake(fine.get(), "\x02h2") == TlsFailure::no_protocol);
  shake(fine.get());
  CHECK(is_agreed);
}

TEST_CASE_FIXTURE(
    Port, "tls accept: clients without a certificate, with a bad one, or that want a better") {
  identities.server.client_ca = identities.client.ca;
  identities.server.client_auth = base::ClientAuth::require;
  const ClientContext bare = any_client();
  CHECK(shake(bare.get()) == TlsFailure::no_certificate);
  const ClientContext stranger = any_client();
  const certs_test::Pair other_ca = certs_test::make_ca();
  show(stranger.get(), identities, certs_test::make({.san = "DNS:x.test"}, &other_ca));
  CHECK(shake(stranger.get()) == TlsFailure::bad_certificate);
  CHECK(describe(failed->failure, failed->error) ==
        "the client's certificate is not trusted by client_ca (certificate signature failure)");
  const ClientContext known = any_client();
  show(known.get(), identities, identities.of_client);
  shake(known.get());
  CHECK(is_agreed);
  SSL_CTX_set_verify(known.get(), SSL_VERIFY_PEER, nullptr);
  CHECK(shake(known.get()) == TlsFailure::refused);
}

}  // namespace
