#include "proxy/http/target.hpp"

#include "proxy/http/characters.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace http {
namespace {

TEST_CASE("http characters: controls are found at any place in any length") {
  for (std::size_t size = 0; size < 50; ++size) {
    const std::vector<char> plain(size, 'x');
    CHECK(find_control({plain.data(), size}, 0) == size);
    for (std::size_t at = 0; at < size; ++at) {
      std::vector<char> text = plain;
      text[at] = '\r';
      for (std::size_t from = 0; from <= size; ++from)
        REQUIRE(find_control({text.data(), size}, from) == (from <= at ? at : size));
    }
  }
}

TEST_CASE("http characters: each byte is what RFC 9110 says") {
  for (int i = 0; i < 256; ++i) {
    CAPTURE(i);
    const char c = static_cast<char>(static_cast<unsigned char>(i));
    const bool is_value = i == '\t' || (i >= 32 && i != 127);
    CHECK(valid_field_value(std::string(1, c)) == is_value);
    CHECK(valid_field_value(std::string(15, ' ') + c) == is_value);
    const bool is_separator =
        std::string_view("\"(),/:;<=>?@[\\]{}").find(c) != std::string_view::npos;
    CHECK(base::is_token(std::string(1, c)) == (i > 32 && i < 127 && !is_separator));
  }
  CHECK(!base::is_token(""));
  CHECK(valid_field_value(""));
}

TEST_CASE("http target: authorities") {
  for (const char* good : {"a", "a.test", "a.test.", "a.test:0", "A_b-c.test:65535", "1.2.3.4:80",
                           "[::1]", "[::ffff:1.2.3.4]:443", "a~b!c"})
    CHECK_MESSAGE(valid_authority(good), good);
  for (const char* bad :
       {"",          ":",      ":80", "a:",    "a:b",  "a:65536", "a:000080", "a:80:80",
        "a:+1",      "u@a",    "a/b", "a?b",   "a#b",  "a,b",     "a b",      "a\\b",
        "a%41",      "a..b",   ".a",  ".",     "[::1", "::1",     "[]",       "[::1]x",
        "[::1%251]", "[v1.a]", "a]",  "a\x80", "a\r"})
    CHECK_MESSAGE(!valid_authority(bad), bad);
  CHECK(valid_authority(std::string(255, 'a') + ":65535"));
  CHECK(!valid_authority(std::string(256, 'a')));
  CHECK(!valid_authority(std::string_view("[::\0/]", 7)));
}

TEST_CASE("http target: an authority in its parts") {
  CHECK(split_authority("a.test").host == "a.test");
  CHECK(!split_authority("a.test").port);
  CHECK(split_authority("a.test:81").host == "a.test");
  CHECK(split_authority("a.test:81").port == 81);
  CHECK(split_authority("[::1]").host == "[::1]");
  CHECK(split_authority("[::1]:82").port == 82);
}

TEST_CASE("http target: paths") {
  for (const char* good : {"/", "/a//b/./..;x=1/%2e%2F%zz%", "/?a=b&c=%00", "/{}|^`\"<>"})
    CHECK_MESSAGE(valid_path(good), good);
  for (const char* bad : {"", "a", "*", "/ ", "/\t", "/\x01", "/\x7f", "/\x80", "/a\\b", "/?a\\b",
                          "/a#b", "/?#", "/%00", "/a%00?b"})
    CHECK_MESSAGE(!valid_path(bad), bad);
  CHECK(has_encoded_slash("/a%2fb"));
  CHECK(has_encoded_slash("/a%2%2F"));
  CHECK(!has_encoded_slash("/a%2eb?c=%2f"));
  CHECK(!has_encoded_slash("/a%252f"));
}

TEST_CASE("http target: a normal path is the same for whoever reads it") {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"/", "/"},
      {"/a/b?c=%41/../d", "/a/b?c=%41/../d"},
      {"/%41%7e%2D", "/A~-"},
      {"/a%2fb%5c%25", "/a%2fb%5c%25"},
      {"/a/./b", "/a/b"},
      {"/a/../b", "/b"},
      {"/a/b/..", "/a/"},
      {"/a/.", "/a/"},
      {"/a/%2e%2E/b", "/b"},
      {"/%252e%252e/x", "/%252e%252e/x"},
      {"/a//b", "/a//b"},
      {"//a", "//a"},
      {"/a//../b", "/a/b"},
      {"/a/..;/b", "/a/..;/b"},
      {"/a/...", "/a/..."},
      {"/a/..?x", "/?x"},
  };
  for (const auto& [path, normal] : cases) {
    CAPTURE(path);
    REQUIRE(normalize_path(path));
    CHECK(*normalize_path(path) == normal);
    CHECK(*normalize_path(normal) == normal);
  }
  for (const char* path :
       {"/..", "/../x", "/a/../../b", "/%2e%2e/x", "/%%37e", "/%", "/%4", "/%g0"})
    CHECK_MESSAGE(!normalize_path(path), path);
}

}  // namespace
}  // namespace http
