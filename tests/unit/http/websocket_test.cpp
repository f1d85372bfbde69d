#include "proxy/http/websocket.hpp"

#include <doctest/doctest.h>

TEST_CASE("websocket: the answer to a key is that of RFC 6455") {
  CHECK(http::websocket_answer("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("websocket: a key is 16 random bytes in base64") {
  base::Random random(1);
  const std::string key = http::make_websocket_key(random);
  CHECK(key.size() == 24);
  CHECK(key.ends_with("=="));
  CHECK(http::make_websocket_key(random) != key);
}
