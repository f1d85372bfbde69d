#include "certs/presented.hpp"

#include "tests/unit/certs/made.hpp"

#include <doctest/doctest.h>

namespace {

using certs::presented_names;
using certs_test::make;

std::string names_of(const std::string& san) {
  return presented_names(make({.san = san}).certificate.get());
}

// One DNS name with these bytes: OpenSSL's text form cannot say all of them.
std::string name_shown(const std::string& bytes) {
  const certs_test::Pair made = make({});
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  REQUIRE(ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size())) == 1);
  GENERAL_NAME_set0_value(name, GEN_DNS, text);
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  sk_GENERAL_NAME_push(names, name);
  REQUIRE(X509_add1_ext_i2d(made.certificate.get(), NID_subject_alt_name, names, 0,
                            X509V3_ADD_DEFAULT) == 1);
  GENERAL_NAMES_free(names);
  return presented_names(made.certificate.get());
}

}  // namespace

TEST_CASE("presented: names of every kind that is looked at, in their order") {
  CHECK(names_of("DNS:a.test,IP:10.0.0.1,URI:spiffe://a/b,IP:::1,email:a@b.test") ==
        "DNS:a.test, IP:10.0.0.1, URI:spiffe://a/b, IP:::1");
  CHECK(names_of("") == "no subject alternative name (a common name does not count)");
}

TEST_CASE("presented: what a peer puts into its names cannot break out of a line, nor fill it") {
  using namespace std::string_literals;
  CHECK(name_shown("a\r\n\0\x1b\\\xff.test"s) == "DNS:a\\x0d\\x0a\\x00\\x1b\\x5c\\xff.test");
  const std::string one = name_shown(std::string(100'000, '\n'));
  CHECK(one.size() < 150);
  CHECK(one.ends_with("..."));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += (i ? ",DNS:name" : "DNS:name") + std::to_string(i);
  const std::string list = names_of(many);
  CHECK(list.size() < 400);
  CHECK(list.starts_with("DNS:name0, DNS:name1, "));
  CHECK(list.ends_with(" more"));
}

TEST_CASE("presented: the issuer, bounded and escaped, and when it expires") {
  const certs_test::Pair ca = certs_test::make_ca("a\nCA");
  const certs_test::Pair leaf = make({.san = "DNS:a.test"}, &ca);
  const std::string issuer = certs::issuer_of(leaf.certificate.get());
  CHECK(issuer.starts_with("CN=a"));
  CHECK(issuer.find('\n') == issuer.npos);
  CHECK(certs::expiry_of(leaf.certificate.get()).size() == sizeof "2026-01-31T12:34:56Z" - 1);
}
