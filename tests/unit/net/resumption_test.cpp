// Whose sessions a listener resumes.
#include <doctest/doctest.h>

#include "tests/unit/net/wild_peer.hpp"

namespace {

using net_test::Identities;
using net_test::WildPeer;

struct Resuming : WildPeer {
  struct Freed {
    void operator()(SSL_SESSION* it) const { SSL_SESSION_free(it); }
  };
  using Session = std::unique_ptr<SSL_SESSION, Freed>;

  // What the server gave for the next connection; null = nothing that can be resumed.
  Session session_of(int version) {
    shake_hands(version);
    read();
    drop_answers();
    Session session(SSL_get1_session(ssl.get()));
    return session && SSL_SESSION_is_resumable(session.get()) ? std::move(session) : nullptr;
  }
  bool resumes(int version, SSL_SESSION* session) {
    shake_hands(version, session);
    return SSL_session_reused(ssl.get()) == 1;
  }
};

constexpr int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

TEST_CASE_FIXTURE(Resuming, "tls: a session is resumed by whoever shows the same certificate") {
  for (const int version : versions) {
    CAPTURE(version);
    server = nullptr;  // each connection has a context of its own, as of another worker
    const Session session = session_of(version);
    REQUIRE(session);
    CHECK(resumes(version, session.get()));
    certs::TlsServerSettings renewed = identities.server;
    const certs_test::Pair pair = certs_test::make({.san = "DNS:a.test"}, &identities.ca);
    renewed.cert = identities.folder.write("renewed.crt", pair.certificate);
    renewed.key = identities.folder.write("renewed.key", pair.key);
    server = Identities::made(make_server_context(renewed));
    CHECK(!resumes(version, session.get()));
  }
}

TEST_CASE_FIXTURE(Resuming, "tls: with clients' certificates no session is given and none is taken") {
  for (const int version : versions) {
    CAPTURE(version);
    server = nullptr;
    const Session session = session_of(version);
    certs::TlsServerSettings careful = identities.server;
    careful.client_ca = identities.client.ca;
    careful.client_auth = base::ClientAuth::request;
    server = Identities::made(make_server_context(careful));
    CHECK(!resumes(version, session.get()));
    CHECK(!session_of(version));
  }
}

}  // namespace
