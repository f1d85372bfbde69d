#include "proxy/net/tls.hpp"

#include "proxy/net/tls_mistrust.hpp"
#include "tests/unit/net/line.hpp"

#include <doctest/doctest.h>

namespace {

using net_test::Identities;
using net_test::Line;

const Identities& identities() {
  static const Identities all;
  return all;
}

// Text in which every place is different.
std::string numbered(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i) text += std::to_string(i) + ' ';
  text.resize(size);
  return text;
}

// A context that still speaks what ours no longer do.
std::shared_ptr<const certs::TlsContext> speaking(int least, int most, const SSL_METHOD* method) {
  auto made = std::make_shared<certs::TlsContext>(SSL_CTX_new(method));
  SSL_CTX_set_security_level(made->get(), 0);
  SSL_CTX_set_min_proto_version(made->get(), least);
  SSL_CTX_set_max_proto_version(made->get(), most);
  return made;
}

TEST_CASE("tls: whatever pieces it comes in, it is what was sent") {
  const std::string question = numbered(5'000);
  const std::string answer = numbered(70'000);
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const std::size_t piece : {1UL, 2UL, 3UL, 5UL, 64UL, 1'447UL, 16'384UL, 65'536UL}) {
      CAPTURE(version);
      CAPTURE(piece);
      Line line;
      line.piece = piece;
      const auto client = identities().client_context();
      SSL_CTX_set_max_proto_version(client->get(), version);
      line.shake_hands(identities().server_context(), client);
      REQUIRE(line.both_agree());
      line.client->send(question);
      CHECK(line.read(*line.server, question.size()) == question);
      line.server->send(answer.substr(0, 100));
      line.server->send(base::Bytes::copy_of(answer.substr(100, 60'000)));
      line.server->send(answer.substr(60'100));
      CHECK(line.read(*line.client, answer.size()) == answer);
    }
  }
}

TEST_CASE("tls: what came behind the handshake at once is read") {
  Line line;
  line.start(*line.server, identities().server_context(), net::Role::server,
             line.server_shaken);
  line.start(*line.client, identities().client_context(), net::Role::client,
             line.client_shaken);
  REQUIRE(line.turn_until([&] { return !line.to_client.seen.empty(); }));
  line.to_server.is_stopped = true;
  REQUIRE(line.turn_until([&] { return line.client_shaken.has_value(); }));
  line.client->send("together with Finished");
  line.client->flush();
  line.to_server.is_stopped = false;
  CHECK(line.read(*line.server, 22) == "together with Finished");
  CHECK(line.both_agree());
}

TEST_CASE("tls: a handshake larger than the socket's room goes out as it is taken") {
  const certs_test::Folder folder;
  std::string chain = certs_test::pem(identities().of_server.certificate);
  for (int i = 0; i < 40; ++i) chain += certs_test::pem(identities().ca.certificate);
  certs::TlsServerSettings server = identities().server;
  server.cert = folder.write("chain", chain);
  Line line;
  const int least = 1;
  setsockopt(line.server->descriptor(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
  line.to_client.is_stopped = true;
  line.start(*line.client, identities().client_context(), net::Role::client,
             line.client_shaken);
  line.start(*line.server, Identities::made(make_server_context(server)), net::Role::server,
             line.server_shaken);
  for (int i = 0; i < 5; ++i) line.turn();
  CHECK(line.server->unsent() > 1'000);
  line.to_client.is_stopped = false;
  REQUIRE(line.turn_until([&] { return line.client_shaken && line.server_shaken; }));
  CHECK(line.both_agree());
  CHECK(line.server->unsent() == 0);
}

TEST_CASE("tls: a certificate that is not to be trusted is refused, and why") {
  using certs_test::make;
  const certs_test::Pair other_ca = certs_test::make_ca("another CA");
  const certs_test::Pair& ca = identities().ca;
  const struct {
    const char* what;
    certs_test::Pair shown;
    int cause;
    const char* presented;
    const char* remedy;
  } cases[] = {
      {"another name", make({.san = "DNS:b.test,IP:10.0.0.1,URI:spiffe://b/c"}, &ca),
       X509_V_ERR_HOSTNAME_MISMATCH, "DNS:b.test, IP:10.0.0.1, URI:spiffe://b/c",
       "tls.server_name"},
      {"a longer name", make({.san = "DNS:a.test.evil"}, &ca), X509_V_ERR_HOSTNAME_MISMATCH,
       "DNS:a.test.evil", "tls.san"},
      {"the name as common name only", make({.common_name = "a.test"}, &ca),
       X509_V_ERR_HOSTNAME_MISMATCH, "no subject alternative name (a common name does not count)",
       "tls.server_name"},
      {"a partial wildcard", make({.san = "DNS:*a.test"}, &ca), X509_V_ERR_HOSTNAME_MISMATCH,
       "DNS:*a.test", "tls.server_name"},
      {"expired", make({.san = "DNS:a.test", .from = -7200, .until = -3600}, &ca),
       X509_V_ERR_CERT_HAS_EXPIRED, "DNS:a.test", "renew it"},
      {"not yet valid", make({.san = "DNS:a.test", .from = 3600}, &ca),
       X509_V_ERR_CERT_NOT_YET_VALID, "DNS:a.test", "clock"},
      {"of another CA", make({.san = "DNS:a.test"}, &other_ca),
       X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "DNS:a.test",
       "its issuer is CN=another CA: set the cluster's tls.ca"},
      {"self-signed", make({.common_name = "a", .san = "DNS:a.test"}),
       X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "DNS:a.test", "set the cluster's tls.ca"},
      {"for clients", make({.san = "DNS:a.test", .usage = "clientAuth"}, &ca),
       X509_V_ERR_INVALID_PURPOSE, "DNS:a.test", "serverAuth"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.what);
    const certs_test::Folder folder;
    certs::TlsServerSettings server = identities().server;
    server.cert = folder.write("crt", one.shown.certificate);
    server.key = folder.write("key", one.shown.key);
    Line line;
    line.shake_hands(Identities::made(make_server_context(server)), identities().client_context());
    REQUIRE(!line.client_shaken->ok());
    const base::Error& error = line.client_shaken->error();
    CHECK(error.reason == base::Reason::tls_failure);
    CHECK(error.fault == base::Fault::upstream);
    CHECK(error.detail == "the certificate is not trusted");
    CHECK(&error.cause.category() == &net::verify_category());
    CHECK(net::verdict_of(error.cause) == one.cause);
    const std::string text = error.cause.message();
    CAPTURE(text);
    CHECK(text.starts_with(X509_verify_cert_error_string(one.cause)));
    CHECK(text.find("(expected a.test, presented " + std::string(one.presented) + "); ") !=
          text.npos);
    CHECK(text.find(one.remedy) != text.npos);
  }
}

TEST_CASE("tls: `san` replaces the name, an IP is checked as such, insecure checks nothing") {
  struct Case {
    std::string server_name;
    std::vector<std::string> san;
    bool insecure;
    bool is_good;
  };
  const Case cases[] = {
      {"A.Test", {}, false, true},
      {"a.test.", {}, false, true},
      {"127.0.0.1", {}, false, true},
      {"127.0.0.2", {}, false, false},
      {"other.test", {"a.test"}, false, true},
      {"a.test", {"other.test"}, false, false},
      {"", {"other.test", "spiffe://mesh/a"}, false, true},
      {"", {"spiffe://mesh/ab"}, false, false},
      {"", {"spiffe://mesh/"}, false, false},
      {"other.test", {}, true, true},
      {"", {"other.test"}, true, true},
  };
  for (const Case& one : cases) {
    CAPTURE(one.server_name);
    CAPTURE(one.san.size());
    certs::TlsClientSettings client = identities().client;
    client.server_name = one.server_name;
    client.san = one.san;
    client.insecure = one.insecure;
    Line line;
    line.shake_hands(identities().server_context(), Identities::made(make_client_context(client)));
    CHECK(line.client_shaken->ok() == one.is_good);
    if (one.is_good || one.san.empty()) continue;
    const base::Error& error = line.client_shaken->error();
    CHECK(error.detail == "the certificate has none of the names in `san`");
    const std::string expected = one.san.size() > 1 ? "other.test or spiffe" : one.san[0] + ",";
    CHECK(error.cause.message().find("(expected " + expected) != std::string::npos);
    CHECK(error.cause.message().find(", presented DNS:") != std::string::npos);
  }
}

enum class Shows { nothing, good, foreign };

void try_client(base::ClientAuth demanded, Shows shown, const std::string& expected) {
  const certs_test::Folder folder;
  const certs_test::Pair other_ca = certs_test::make_ca("another CA");
  const certs_test::Pair foreign = certs_test::make({.san = "DNS:a.test"}, &other_ca);
  certs::TlsServerSettings server = identities().server;
  server.client_auth = demanded;
  if (demanded != base::ClientAuth::none) server.client_ca = identities().client.ca;
  certs::TlsClientSettings client = identities().client;
  const certs_test::Pair& pair = shown == Shows::good ? identities().of_client : foreign;
  if (shown != Shows::nothing) {
    client.cert = folder.write("crt", pair.certificate);
    client.key = folder.write("key", pair.key);
  }
  Line line;
  line.shake_hands(Identities::made(make_server_context(server)),
                   Identities::made(make_client_context(client)));
  const base::Result<void>& result = *line.server_shaken;
  if (result) {
    CHECK(line.server->tls()->peer_identity() == expected);
    return;
  }
  CHECK(result.error().fault == base::Fault::downstream);
  CHECK(result.error().detail == expected);
  line.read(*line.client, 1);  // it believed that all is well, and is told now
  CHECK(line.last.state == net::Input::State::failed);
}

TEST_CASE("tls: a listener takes no client's certificate, takes one, or demands one") {
  using base::ClientAuth;
  const std::string identity = "spiffe://mesh/client";
  const std::string untrusted = "the certificate is not trusted";
  const struct {
    ClientAuth demanded;
    Shows shown;
    std::string expected;  // the identity, or the detail of the error
  } cases[] = {
      {ClientAuth::none, Shows::nothing, ""},
      {ClientAuth::none, Shows::good, ""},
      {ClientAuth::request, Shows::nothing, ""},
      {ClientAuth::request, Shows::good, identity},
      {ClientAuth::request, Shows::foreign, untrusted},
      {ClientAuth::require, Shows::nothing, "the client showed no certificate"},
      {ClientAuth::require, Shows::good, identity},
      {ClientAuth::require, Shows::foreign, untrusted},
  };
  for (const auto& one : cases) {
    CAPTURE(static_cast<int>(one.demanded));
    CAPTURE(static_cast<int>(one.shown));
    try_client(one.demanded, one.shown, one.expected);
  }
}

TEST_CASE("tls: the protocol is the server's first that the client speaks; none is refused") {
  using Names = std::vector<std::string>;
  const struct {
    Names of_server;
    Names of_client;
    std::string chosen;
    bool is_good;
  } cases[] = {
      {{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2", true},
      {{"http/1.1", "h2"}, {"h2", "http/1.1"}, "http/1.1", true},
      {{"h2", "http/1.1"}, {"http/1.1"}, "http/1.1", true},
      {{"h2", "http/1.1"}, {}, "", true},
      {{}, {"h2"}, "", true},
      {{"h2"}, {"http/1.1"}, "", false},
      {{"http/1.1"}, {"http/1.0", "h3"}, "", false},
  };
  for (const auto& one : cases) {
    CAPTURE(one.chosen);
    certs::TlsServerSettings server = identities().server;
    certs::TlsClientSettings client = identities().client;
    server.protocols = one.of_server;
    client.protocols = one.of_client;
    Line line;
    line.shake_hands(Identities::made(make_server_context(server)),
                     Identities::made(make_client_context(client)));
    CHECK(line.both_agree() == one.is_good);
    CHECK(line.server_shaken->ok() == one.is_good);
    if (!one.is_good) continue;
    CHECK(line.server->tls()->protocol() == one.chosen);
    CHECK(line.client->tls()->protocol() == one.chosen);
  }
}

TEST_CASE("tls: old versions are refused, and 1.2 where 1.3 is demanded") {
  certs::TlsServerSettings strict = identities().server;
  strict.min_version = "1.3";
  certs::TlsClientSettings strict_client = identities().client;
  strict_client.min_version = "1.3";
  const auto strict_server = Identities::made(make_server_context(strict));
  const auto usual = identities().server_context();
  const struct {
    std::shared_ptr<const certs::TlsContext> server;
    int most;
    bool is_good;
  } cases[] = {
      {usual, TLS1_VERSION, false},           {usual, TLS1_1_VERSION, false},
      {usual, TLS1_2_VERSION, true},          {usual, TLS1_3_VERSION, true},
      {strict_server, TLS1_2_VERSION, false}, {strict_server, TLS1_3_VERSION, true},
  };
  for (const auto& one : cases) {
    CAPTURE(one.most);
    Line line;
    line.shake_hands(one.server, speaking(TLS1_VERSION, one.most, TLS_client_method()));
    CHECK(line.both_agree() == one.is_good);
    CHECK(line.server_shaken->ok() == one.is_good);
  }
  Line line;
  const auto old_server = speaking(TLS1_VERSION, TLS1_2_VERSION, TLS_server_method());
  SSL_CTX_use_certificate(old_server->get(), identities().of_server.certificate.get());
  SSL_CTX_use_PrivateKey(old_server->get(), identities().of_server.key.get());
  line.shake_hands(old_server, Identities::made(make_client_context(strict_client)));
  CHECK(!line.client_shaken->ok());
}

TEST_CASE("tls: a handshake that is not one, or none, ends as an error") {
  Line line;
  base::Duration limit = std::chrono::seconds(20);
  std::string_view expected;
  SUBCASE("clear HTTP") {
    const std::string_view text = "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";
    REQUIRE(::send(line.near_server, text.data(), text.size(), 0) > 0);
    expected = "the TLS protocol was violated, or nothing is supported in common";
  }
  SUBCASE("silence") {
    limit = base::Millis{1};
    expected = "the TLS handshake took too long";
  }
  SUBCASE("the end") {
    ::shutdown(line.near_server, SHUT_WR);
    expected = "the connection was closed without a close_notify";
  }
  line.start(*line.server, identities().server_context(), net::Role::server,
             line.server_shaken, limit);
  const base::Time until = base::Clock::now() + std::chrono::seconds(5);
  while (!line.server_shaken && base::Clock::now() < until) line.loop.turn(base::Millis{1});
  REQUIRE(line.server_shaken);
  REQUIRE(!line.server_shaken->ok());
  CHECK(line.server_shaken->error().detail == expected);
}

}  // namespace
