#include "proxy/http/websocket_frames.hpp"

#include <doctest/doctest.h>

#include <string>

using http::WebsocketFrames;

namespace {

std::string frame(int opcode, const std::string& payload) {
  std::string text(1, static_cast<char>(0x80 | opcode));
  const std::size_t size = payload.size();
  if (size < 126) {
    text += static_cast<char>(size);
  } else if (size < 65536) {
    text += static_cast<char>(126);
    for (int shift = 8; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift & 0xff);
  } else {
    text += static_cast<char>(127);
    for (int shift = 56; shift >= 0; shift -= 8) text += static_cast<char>(size >> shift & 0xff);
  }
  return text + payload;
}

}  // namespace

TEST_CASE("websocket frames: their ends are known wherever the bytes are cut") {
  const std::string first = frame(1, "hello");
  const std::string second = frame(2, std::string(300, 'x'));
  const std::string third = frame(9, "");
  const std::string fourth = frame(2, std::string(70'000, 'y'));
  const std::string all = first + second + third + fourth;
  const auto is_end = [&](std::size_t at) {
    return at == 0 || at == first.size() || at == first.size() + second.size() ||
           at == all.size() - fourth.size() || at == all.size();
  };
  WebsocketFrames byte_by_byte;
  for (std::size_t at = 0; at < all.size(); ++at) {
    REQUIRE(byte_by_byte.may_add_frame() == is_end(at));
    byte_by_byte.pass(std::string_view(all).substr(at, 1));
  }
  CHECK(byte_by_byte.may_add_frame());
  for (std::size_t cut = 0; cut <= first.size() + second.size() + third.size(); ++cut) {
    WebsocketFrames cut_once;
    cut_once.pass(std::string_view(all).substr(0, cut));
    REQUIRE(cut_once.may_add_frame() == is_end(cut));
    cut_once.pass(std::string_view(all).substr(cut));
    REQUIRE(cut_once.may_add_frame());
  }
}

TEST_CASE("websocket frames: nothing may be added behind a close") {
  WebsocketFrames frames;
  frames.pass(frame(8, "\x03\xe8"));
  CHECK_FALSE(frames.may_add_frame());
}

TEST_CASE("websocket frames: what is not understood is not guessed at") {
  for (const std::string& odd :
       {std::string("\x81\x80kkkk", 6), frame(3, ""), frame(11, ""),
        frame(9, std::string(126, 'x')), std::string("\x82\x7f\xff\0\0\0\0\0\0\0", 10)}) {
    WebsocketFrames frames;
    frames.pass(odd);
    frames.pass(frame(1, "well"));
    CHECK_FALSE(frames.may_add_frame());
  }
}
