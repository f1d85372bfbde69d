#include "certs/store.hpp"

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <ctime>

#include "tests/unit/certs/made.hpp"

namespace {

using certs::make_client_context;
using certs::make_server_context;
using certs::TlsClientSettings;
using certs::TlsServerSettings;
using certs_test::Folder;
using certs_test::make;
using certs_test::pem;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

struct Files {
  Folder folder;
  certs_test::Pair ca = certs_test::make_ca();
  certs_test::Pair leaf = make({.san = "DNS:a.test"}, &ca);
  certs_test::Pair other = make({.san = "DNS:b.test"}, &ca);
  std::string cert = folder.write("crt", leaf.certificate);
  std::string key = folder.write("key", leaf.key);
  std::string ca_file = folder.write("ca", ca.certificate);
  std::string none = folder.path("none");
  std::string empty = folder.write("empty", "");
  std::string garbage = folder.write("garbage", "this is no PEM\n");
  std::string large = folder.write("large", std::string(5 * 1024 * 1024, '\n'));

  std::string cut(const std::string& text) const { return text.substr(0, text.size() / 2); }
};

struct WrongFile {
  std::string path;
  std::string complaint;
};

std::vector<WrongFile> wrong_files(const Files& files) {
  return {{files.none, "No such file or directory"},
          {files.folder.path(), "is not a file"},
          {files.empty, "is empty"},
          {files.large, "is too large"},
          {"/dev/null", "is not a file"}};
}

TEST_CASE("certs store: a good pair is a context, and so is one with its chain") {
  const Files files;
  const std::string chain =
      files.folder.write("chain", pem(files.leaf.certificate) + pem(files.ca.certificate));
  for (const std::string& cert : {files.cert, chain}) {
    const certs::LoadedContext loaded = make_server_context({.cert = cert, .key = files.key,
                                                      .client_ca = {}, .protocols = {"h2"}});
    CHECK(loaded.problem == "");
    REQUIRE(loaded.context);
    CHECK(loaded.context->protocols == "\x02h2");
    CHECK(SSL_CTX_get_min_proto_version(loaded.context->get()) == TLS1_2_VERSION);
  }
}

TEST_CASE("certs store: a certificate that cannot be used is named, with what is wrong") {
  const Files files;
  std::vector<WrongFile> cases = wrong_files(files);
  const std::string text = pem(files.leaf.certificate);
  cases.push_back({files.garbage, "holds no certificate in PEM form"});
  cases.push_back({files.key, "holds no certificate in PEM form"});
  cases.push_back({files.folder.write("cut", files.cut(text)), "holds no certificate"});
  const std::string rest = text.substr(text.size() / 2 + 8);
  cases.push_back({files.folder.write("damaged", files.cut(text) + "????????" + rest),
                   "holds no certificate that can be used: "});
  for (const WrongFile& one : cases) {
    CAPTURE(one.path);
    const certs::LoadedContext loaded =
        make_server_context({.cert = one.path, .key = files.key, .client_ca = {}, .protocols = {}});
    CHECK(!loaded.context);
    CHECK_MESSAGE(loaded.problem.starts_with(one.path + ": " + one.complaint), loaded.problem);
  }
}

TEST_CASE("certs store: a key that cannot be used is named, with what is wrong") {
  const Files files;
  std::vector<WrongFile> cases = wrong_files(files);
  cases.push_back({files.garbage, "holds no private key in PEM form"});
  cases.push_back({files.cert, "holds no private key in PEM form"});
  cases.push_back({files.folder.write("cut", files.cut(pem(files.leaf.key))),
                   "holds no private key"});
  cases.push_back({files.folder.write("secret", pem(files.leaf.key, "open sesame")),
                   "is encrypted; a key without a passphrase is needed"});
  const std::string other = files.folder.write("other", files.other.key);
  cases.push_back({other, "is not the key of " + files.cert});
  const certs_test::Key rsa(EVP_RSA_gen(2048));
  cases.push_back({files.folder.write("rsa", rsa), "is not the key of " + files.cert});
  for (const WrongFile& one : cases) {
    CAPTURE(one.path);
    const certs::LoadedContext loaded = make_server_context(
        {.cert = files.cert, .key = one.path, .client_ca = {}, .protocols = {}});
    CHECK(!loaded.context);
    CHECK_MESSAGE(loaded.problem.starts_with(one.path + ": " + one.complaint), loaded.problem);
  }
}

TEST_CASE("certs store: a bundle of CAs that trusts nobody is an error, of either side") {
  const Files files;
  std::vector<WrongFile> cases = wrong_files(files);
  cases.push_back({files.garbage, "holds no certificate in PEM form"});
  cases.push_back({files.key, "holds no certificate in PEM form"});
  for (const WrongFile& one : cases) {
    CAPTURE(one.path);
    TlsClientSettings client{.ca = one.path, .cert = {}, .key = {}, .server_name = "a.test",
                             .san = {}, .protocols = {}};
    TlsServerSettings server{.cert = files.cert, .key = files.key, .client_ca = one.path,
                             .client_auth = base::ClientAuth::request, .protocols = {}};
    for (const certs::LoadedContext& loaded :
         {make_client_context(client), make_server_context(server)}) {
      CHECK(!loaded.context);
      CHECK_MESSAGE(loaded.problem.starts_with(one.path + ": " + one.complaint), loaded.problem);
    }
  }
}

TEST_CASE("certs store: what is wrong in one file is not said of the next") {
  const Files files;
  TlsServerSettings settings{
      .cert = files.garbage, .key = files.key, .client_ca = {}, .protocols = {}};
  CHECK(!make_server_context(settings).context);
  settings.cert = files.cert;
  CHECK(make_server_context(settings).problem == "");
  CHECK(ERR_peek_error() == 0);
}

TEST_CASE("certs store: a certificate out of its time is loaded, with a remark") {
  const Files files;
  const struct {
    long from;
    long until;
    std::string remark;
  } cases[] = {{-7200, -3600, ": has expired"},
               {3600, 7200, ": is not valid yet"},
               {-1, 60, ""},
               {-100, 40, ": expires in 0 days"},
               {-86'400L * 76, 86'400L * 13 + 600, ": expires in 13 days"},
               {-86'400L * 76, 86'400L * 14 + 600, ""},
               {-86'400L * 10, 86'400L * 13, ""}};
  for (const auto& one : cases) {
    const certs_test::Pair pair =
        make({.san = "DNS:a.test", .from = one.from, .until = one.until}, &files.ca);
    const std::string cert = files.folder.write("dated.crt", pair.certificate);
    const std::string key = files.folder.write("dated.key", pair.key);
    for (const certs::LoadedContext& loaded :
         {make_server_context({.cert = cert, .key = key, .client_ca = {}, .protocols = {}}),
          make_client_context({.ca = files.ca_file, .cert = cert, .key = key,
                               .server_name = "a.test", .san = {}, .protocols = {}})}) {
      CHECK(loaded.problem == "");
      REQUIRE(loaded.context);
      CHECK(loaded.remark == (one.remark.empty() ? "" : cert + one.remark));
    }
  }
}

TEST_CASE("certs store: a weak key is refused") {
  const Files files;
  const certs_test::Key weak(EVP_RSA_gen(1024));
  X509* certificate = files.leaf.certificate.get();
  REQUIRE(X509_set_pubkey(certificate, weak.get()) == 1);
  REQUIRE(X509_sign(certificate, files.ca.key.get(), EVP_sha256()) > 0);
  const certs::LoadedContext loaded =
      make_server_context({.cert = files.folder.write("weak.crt", files.leaf.certificate),
                           .key = files.folder.write("weak.key", weak), .client_ca = {},
                           .protocols = {}});
  CHECK(!loaded.context);
  CHECK(contains(loaded.problem, "key too small"));
}

TEST_CASE("certs store: the name that is checked must be one") {
  const Files files;
  struct Case {
    std::string server_name;
    std::vector<std::string> san;
    std::string complaint;
    std::string sni;
  };
  const Case cases[] = {
      {"a.test", {}, "", "a.test"},
      {"a.test.", {}, "", "a.test"},
      {"10.0.0.1", {}, "", ""},
      {"::1", {}, "", ""},
      {"", {"a.test", "spiffe://mesh/a"}, "", ""},
      {"a.test", {"b.test"}, "", "a.test"},
      {"", {}, "server_name: \"\" is not a name", ""},
      {".test", {}, "server_name: \".test\" is not a name", ""},
      {std::string("a.test\0.evil", 12), {}, "server_name: ", ""},
      {"a.test", {".test"}, "san: \".test\" is not a name", ""},
      {"a.test", {""}, "san: \"\" is not a name", ""},
  };
  for (const Case& one : cases) {
    CAPTURE(one.server_name);
    const certs::LoadedContext loaded =
        make_client_context({.ca = files.ca_file, .cert = {}, .key = {},
                             .server_name = one.server_name, .san = one.san, .protocols = {}});
    CHECK((loaded.context != nullptr) == one.complaint.empty());
    CHECK(loaded.problem.starts_with(one.complaint));
    if (!loaded.context) continue;
    CHECK(loaded.context->sni == one.sni);
    CHECK(loaded.context->san == one.san);
    CHECK(SSL_CTX_get_verify_mode(loaded.context->get()) == SSL_VERIFY_PEER);
  }
}

TEST_CASE("certs store: only `insecure` turns the check off, and then it takes no names") {
  const certs::LoadedContext loaded =
      make_client_context({.ca = {}, .cert = {}, .key = {}, .server_name = {}, .san = {"a.test"},
                           .insecure = true, .protocols = {}});
  REQUIRE(loaded.context);
  CHECK(SSL_CTX_get_verify_mode(loaded.context->get()) == SSL_VERIFY_NONE);
  CHECK(loaded.context->san.empty());
}

TEST_CASE("certs store: who demands clients' certificates says whose") {
  const Files files;
  const certs::LoadedContext loaded =
      make_server_context({.cert = files.cert, .key = files.key, .client_ca = {},
                           .client_auth = base::ClientAuth::require, .protocols = {}});
  CHECK(loaded.problem == "client_auth needs client_ca");
}

TEST_CASE("a context knows when the certificate that it shows expires") {
  const Files files;
  const certs::LoadedContext loaded = make_server_context({.cert = files.cert, .key = files.key,
                                                    .client_ca = {}, .protocols = {}});
  REQUIRE(loaded.context);
  const std::int64_t left = loaded.context->not_after - std::time(nullptr);
  CHECK(left > 0);
  CHECK(left < 1000LL * 24 * 3600);
  CHECK(make_client_context({.ca = files.ca_file, .cert = {}, .key = {}, .server_name = "a.test",
                             .san = {}, .protocols = {}}).context->not_after == 0);
}

}  // namespace
