#include "proxy/base/sha1.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

std::string digest_of(std::string_view message) {
  constexpr char hex[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : base::sha1(message)) text.append({hex[byte >> 4], hex[byte & 15]});
  return text;
}

}  // namespace

TEST_CASE("sha1: what RFC 3174 and FIPS 180 give as examples") {
  CHECK(digest_of("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(digest_of("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(digest_of(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}
