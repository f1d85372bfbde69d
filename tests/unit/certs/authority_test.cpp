#include "certs/authority.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdio>
#include <sstream>

#include "certs/identity.hpp"
#include "certs/store.hpp"
#include "tests/unit/certs/made.hpp"

namespace {

using certs::make_development_certificates;
using certs::make_server_context;
using certs_test::Certificate;
using certs_test::Folder;

Certificate read_certificate(const std::string& path) {
  const std::unique_ptr<BIO, certs_test::Freed> file(BIO_new_file(path.c_str(), "r"));
  REQUIRE(file);
  Certificate certificate(PEM_read_bio_X509(file.get(), nullptr, nullptr, nullptr));
  REQUIRE(certificate);
  return certificate;
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

int mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

int days_left(X509* certificate) {
  int days = 0;
  int rest = 0;
  REQUIRE(ASN1_TIME_diff(&days, &rest, nullptr, X509_get0_notAfter(certificate)) == 1);
  return days;
}

TEST_CASE("authority: makes a CA and certificates that both sides can use") {
  const Folder folder;
  const std::string where = folder.path("new/deep");
  REQUIRE(make_development_certificates(where, {"a.test", "127.0.0.1", "::1"}) == "");
  const Certificate ca = read_certificate(where + "/ca.pem");
  CHECK(X509_check_ca(ca.get()) == 1);
  CHECK(days_left(ca.get()) >= 3649);
  for (const std::string name : {"a.test", "127.0.0.1", "::1"}) {
    CAPTURE(name);
    const std::string path = where + "/" + name;
    const Certificate leaf = read_certificate(path + ".crt");
    CHECK(X509_verify(leaf.get(), X509_get0_pubkey(ca.get())) == 1);
    CHECK(X509_check_ca(leaf.get()) == 0);
    CHECK(X509_check_purpose(leaf.get(), X509_PURPOSE_SSL_SERVER, 0) == 1);
    CHECK(X509_check_purpose(leaf.get(), X509_PURPOSE_SSL_CLIENT, 0) == 1);
    CHECK(X509_cmp_current_time(X509_get0_notBefore(leaf.get())) == -1);
    CHECK(days_left(leaf.get()) >= 823);
    const bool is_ip = name != "a.test";
    CHECK((is_ip ? X509_check_ip_asc(leaf.get(), name.c_str(), 0)
                 : X509_check_host(leaf.get(), name.data(), name.size(),
                                   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr)) == 1);
    CHECK(make_server_context({.cert = path + ".crt", .key = path + ".key",
                               .client_ca = where + "/ca.pem",
                               .client_auth = base::ClientAuth::require, .protocols = {}})
              .problem == "");
  }
}

TEST_CASE("authority: keys are for their owner's eyes") {
  const Folder folder;
  REQUIRE(make_development_certificates(folder.path(), {"a.test"}) == "");
  CHECK(mode_of(folder.path("ca.key")) == 0600);
  CHECK(mode_of(folder.path("a.test.key")) == 0600);
  CHECK(mode_of(folder.path("ca.pem")) == 0644);
  CHECK(mode_of(folder.path("a.test.crt")) == 0644);
}

TEST_CASE("authority: a CA that is there is kept, and so is every other file") {
  const Folder folder;
  REQUIRE(make_development_certificates(folder.path(), {"a.test"}) == "");
  const std::string ca = text_of(folder.path("ca.pem"));
  const std::string key = text_of(folder.path("ca.key"));
  const std::string leaf = text_of(folder.path("a.test.crt"));
  CHECK(make_development_certificates(folder.path(), {"b.test", "a.test"}) ==
        folder.path("a.test.crt") + ", " + folder.path("a.test.key") +
            ": there already; move away what is to be made anew");
  CHECK_FALSE(std::filesystem::exists(folder.path("b.test.crt")));
  REQUIRE(make_development_certificates(folder.path(), {"b.test"}) == "");
  CHECK(text_of(folder.path("ca.pem")) == ca);
  CHECK(text_of(folder.path("ca.key")) == key);
  CHECK(text_of(folder.path("a.test.crt")) == leaf);
  CHECK(make_development_certificates(folder.path(), {"c.test", "c.test"}) ==
        "two certificates would be " + folder.path("c.test.crt"));
}

TEST_CASE("authority: several names in one certificate, wildcards, addresses and SPIFFE ids") {
  const Folder folder;
  REQUIRE(make_development_certificates(folder.path(),
                                        {"a.test,*.a.test,127.0.0.1,spiffe://mesh/ns/a", "*.b.test",
                                         "spiffe://mesh.test/sa/app"}) == "");
  const Certificate all = read_certificate(folder.path("a.test.crt"));
  CHECK(certs::has_name(all.get(), {"a.test"}));
  CHECK(certs::has_name(all.get(), {"x.a.test"}));
  CHECK_FALSE(certs::has_name(all.get(), {"x.x.a.test"}));
  CHECK(certs::has_name(all.get(), {"spiffe://mesh/ns/a"}));
  CHECK(X509_check_ip_asc(all.get(), "127.0.0.1", 0) == 1);
  CHECK(certs::has_name(read_certificate(folder.path("_wildcard.b.test.crt")).get(), {"y.b.test"}));
  CHECK(certs::identity_of(read_certificate(folder.path("mesh.test_sa_app.crt")).get()) ==
        "spiffe://mesh.test/sa/app");
}

TEST_CASE("authority: a CA that is no pair is not overwritten") {
  const Folder folder;
  std::string damaged;
  SUBCASE("without its key") {
    damaged = folder.write("ca.pem", certs_test::make_ca().certificate);
  }
  SUBCASE("a key alone") { damaged = folder.write("ca.key", certs_test::make_ca().key); }
  SUBCASE("with another's key") {
    damaged = folder.write("ca.pem", certs_test::make_ca().certificate);
    folder.write("ca.key", certs_test::make_ca().key);
  }
  SUBCASE("unreadable") {
    damaged = folder.write("ca.pem", "precious");
    folder.write("ca.key", "precious");
  }
  const std::string before = text_of(damaged);
  const std::string problem = make_development_certificates(folder.path(), {"a.test"});
  CHECK(problem.ends_with("are not a pair: move them away first"));
  CHECK(text_of(damaged) == before);
  CHECK(!std::filesystem::exists(folder.path("a.test.crt")));
}

TEST_CASE("authority: what is no name, or would leave the folder, is refused at once") {
  for (const std::string name : {"",
                                 "..",
                                 "../x",
                                 "a/b",
                                 ".a",
                                 "-rf",
                                 "a b",
                                 "a\nb",
                                 "*",
                                 "*.test",
                                 "a.*.test",
                                 "*a.test",
                                 "DNS:a,DNS:b",
                                 "a.test,",
                                 ",a.test",
                                 "a.test,,b.test",
                                 "spiffe://",
                                 "spiffe:///a",
                                 "spiffe://a/../b",
                                 "spiffe://a//b",
                                 "spiffe://a/",
                                 "spiffe://a/b?c",
                                 "http://a"}) {
    CAPTURE(name);
    const Folder folder;
    CHECK(make_development_certificates(folder.path("new"), {"a.test", name})
              .ends_with("is neither a DNS name, an IP address nor a SPIFFE id"));
    CHECK(!std::filesystem::exists(folder.path("new")));
  }
}

TEST_CASE("authority: a place that cannot be written to is named") {
  const Folder folder;
  const std::string file = folder.write("file", "text");
  CHECK(make_development_certificates(file, {"a.test"}).starts_with("cannot make the folder "));
  CHECK(make_development_certificates(folder.path(), {"ca"}) ==
        "\"ca\" is the authority's own name");
}

TEST_CASE("authority: a name may be longer than a common name") {
  const Folder folder;
  std::string name(63, 'a');
  name += "." + std::string(63, 'b') + ".test";
  REQUIRE(make_development_certificates(folder.path(), {name}) == "");
  const Certificate leaf = read_certificate(folder.path(name + ".crt"));
  CHECK(certs::identity_of(leaf.get()) == name);
}

}  // namespace
