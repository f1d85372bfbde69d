#include "certs/identity.hpp"

#include <doctest/doctest.h>

#include "tests/unit/certs/made.hpp"

namespace {

using certs::has_name;
using certs::identity_of;
using certs_test::make;
using Names = std::vector<std::string>;

// With one alternative name of this type, as raw bytes: OpenSSL's text form cannot say NUL.
certs_test::Pair with_raw_name(int type, std::string_view bytes, const std::string& common_name) {
  certs_test::Pair made = make({.common_name = common_name});
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  REQUIRE(ASN1_STRING_set(text, bytes.data(), static_cast<int>(bytes.size())) == 1);
  GENERAL_NAME_set0_value(name, type, text);
  GENERAL_NAMES* names = sk_GENERAL_NAME_new_null();
  sk_GENERAL_NAME_push(names, name);
  REQUIRE(X509_add1_ext_i2d(made.certificate.get(), NID_subject_alt_name, names, 0,
                            X509V3_ADD_DEFAULT) == 1);
  GENERAL_NAMES_free(names);
  return made;
}

TEST_CASE("identity: the SPIFFE URI, else the first DNS name, else the common name") {
  const struct {
    std::string common_name;
    std::string san;
    std::string expected;
  } cases[] = {
      {"cn", "DNS:b.test,DNS:a.test,URI:https://x/y,URI:spiffe://mesh/ns/a", "spiffe://mesh/ns/a"},
      {"cn", "DNS:b.test,DNS:a.test", "b.test"},
      {"cn", "URI:https://x/y", "cn"},
      {"cn", "IP:10.0.0.1,email:a@b.test", "cn"},
      {"cn", "", "cn"},
      {"", "DNS:a.test", "a.test"},
      {"", "", ""},
      {"J\xc3\xbcrgen", "", "J\xc3\xbcrgen"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.san);
    const certs_test::Pair pair = make({.common_name = one.common_name, .san = one.san});
    CHECK(identity_of(pair.certificate.get()) == one.expected);
  }
}

TEST_CASE("identity: a name with a NUL in it is nobody's") {
  const std::string nul = std::string("a.test\0.evil", 12);
  const certs_test::Pair cn = make({.common_name = nul});
  CHECK(identity_of(cn.certificate.get()) == "");
  const certs_test::Pair dns = with_raw_name(GEN_DNS, nul, "");
  CHECK(identity_of(dns.certificate.get()) == "");
  CHECK(!has_name(dns.certificate.get(), {"a.test"}));
  CHECK(!has_name(dns.certificate.get(), {nul}));
  const certs_test::Pair uri =
      with_raw_name(GEN_URI, std::string("spiffe://mesh/a\0/b", 18), "cn");
  CHECK(identity_of(uri.certificate.get()) == "cn");
  CHECK(!has_name(uri.certificate.get(), {"spiffe://mesh/a"}));
}

TEST_CASE("identity: a name must be among the alternative ones, and of its kind") {
  const certs_test::Pair pair =
      make({.common_name = "cn.test",
            .san = "DNS:a.test,DNS:*.w.test,URI:spiffe://mesh/a,URI:spiffe://mesh/b,IP:10.0.0.1"});
  const struct {
    Names wanted;
    bool is_there;
  } cases[] = {
      {{"a.test"}, true},
      {{"A.TEST"}, true},
      {{"x.w.test"}, true},
      {{"spiffe://mesh/b"}, true},
      {{"nobody", "spiffe://mesh/a"}, true},
      {{}, false},
      {{"cn.test"}, false},
      {{"w.test"}, false},
      {{"y.x.w.test"}, false},
      {{"spiffe://mesh/"}, false},
      {{"spiffe://mesh/A"}, false},
      {{"spiffe://mesh/a/b"}, false},
      {{"mesh"}, false},
      {{"10.0.0.1"}, false},
      {{""}, false},
  };
  for (const auto& one : cases) {
    CAPTURE(one.wanted.empty() ? std::string() : one.wanted.front());
    CHECK(has_name(pair.certificate.get(), one.wanted) == one.is_there);
  }
}

TEST_CASE("identity: a DNS name that looks like a URI is not one") {
  const certs_test::Pair pair = with_raw_name(GEN_DNS, "spiffe://mesh/a", "");
  CHECK(!has_name(pair.certificate.get(), {"spiffe://mesh/a"}));
}

}  // namespace
