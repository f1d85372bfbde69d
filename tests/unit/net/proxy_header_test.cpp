#include "proxy/net/proxy_header.hpp"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using base::Address;
using net::ProxyHeader;

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string binary(int what, int family, std::string_view rest) {
  std::string header = signature;
  header += static_cast<char>(what);
  header += static_cast<char>(family);
  header += static_cast<char>(rest.size() >> 8);
  header += static_cast<char>(rest.size() & 0xff);
  return header.append(rest);
}

const std::string ends4("\x01\x02\x03\x04\x05\x06\x07\x08\x04\xd2\x00\x50", 12);
const std::string ends6 = std::string(15, '\0') + '\x01' + std::string(15, '\0') + '\x02' +
                          std::string("\x04\xd2\x00\x50", 4);

// "SOURCE DESTINATION", "itself", "malformed" or "incomplete", and what of `bytes` was left; cut at
// that place.
std::string verdict(std::string_view bytes, std::size_t cut) {
  ProxyHeader header;
  std::size_t taken = header.take(bytes.substr(0, cut));
  if (header.state() == ProxyHeader::State::incomplete && taken == cut)
    taken += header.take(bytes.substr(cut));
  switch (header.state()) {
    case ProxyHeader::State::incomplete:
      return "incomplete";
    case ProxyHeader::State::malformed:
      return "malformed";
    case ProxyHeader::State::complete:
      break;
  }
  std::string said = header.source()
                         ? header.source()->to_string() + " " + header.destination()->to_string()
                         : "itself";
  const std::string_view left = bytes.substr(taken);
  return left.empty() ? said : said.append(" | ").append(left);
}

TEST_CASE("proxy header: says who, however it is cut, and what is behind it stays") {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"PROXY TCP4 1.2.3.4 5.6.7.8 1234 80\r\nGET", "1.2.3.4:1234 5.6.7.8:80 | GET"},
      {"PROXY TCP6 ::1 ::2 1234 80\r\n", "[::1]:1234 [::2]:80"},
      {"PROXY TCP4 1.2.3.4 5.6.7.8 0 65535\r\n", "1.2.3.4:0 5.6.7.8:65535"},
      {"PROXY UNKNOWN\r\n", "itself"},
      {"PROXY UNKNOWN ffff:f ffff:f 65535 65535\r\nx", "itself | x"},
      {binary(0x21, 0x11, ends4) + "GET", "1.2.3.4:1234 5.6.7.8:80 | GET"},
      {binary(0x21, 0x21, ends6), "[::1]:1234 [::2]:80"},
      {binary(0x21, 0x11,
              ends4 + "\x04\x00\x02"
                      "ab") +
           "x",
       "1.2.3.4:1234 5.6.7.8:80 | x"},
      {binary(0x21, 0x11, ends4 + std::string(60'000, 'z')) + "x", "1.2.3.4:1234 5.6.7.8:80 | x"},
      {binary(0x21, 0x31, std::string(216, 'p')) + "x", "itself | x"},
      {binary(0x21, 0x00, ""), "itself"},
      {binary(0x20, 0x00, ""), "itself"},
      {binary(0x20, 0x11, ends4) + "x", "itself | x"},
      {binary(0x20, 0x7f, "whatever"), "itself"},
  };
  for (const auto& [bytes, expected] : cases) {
    CAPTURE(bytes.substr(0, 60));
    const std::size_t most = std::min<std::size_t>(bytes.size(), 150);
    for (std::size_t cut = 0; cut <= most; ++cut) REQUIRE(verdict(bytes, cut) == expected);
  }
}

TEST_CASE("proxy header: what breaks its form is refused, however it is cut") {
  const std::vector<std::string> cases = {
      "GET / HTTP/1.1\r\n\r\n",
      "PROXYTCP4 1.2.3.4 5.6.7.8 1 2\r\n",
      "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
      "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
      "PROXY tcp4 1.2.3.4 5.6.7.8 1 2\r\n",
      "PROXY TCP4 ::1 5.6.7.8 1 2\r\n",
      "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8\r\n",
      "PROXY TCP4\r\n",
      "PROXY \r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
      "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
      "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
      "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\nGET / HTTP/1.1\r\n",
      "PROXY UNKNOWN " + std::string(100, 'x') + "\r\n",
      signature.substr(0, 11) + "x",
      binary(0x11, 0x11, ends4),
      binary(0x22, 0x11, ends4),
      binary(0x21, 0x12, ends4),
      binary(0x21, 0x11, ends4.substr(1)),
      binary(0x21, 0x21, ends6.substr(1)),
      binary(0x21, 0x31, std::string(215, 'p')),
  };
  for (const std::string& bytes : cases) {
    CAPTURE(bytes);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
      REQUIRE(verdict(bytes, cut) == "malformed");
  }
}

TEST_CASE("proxy header: what was not sent to its end is waited for") {
  const std::string whole = binary(0x21, 0x11, ends4 + "\x04\x00\x01x");
  for (std::size_t size = 0; size < whole.size(); ++size)
    REQUIRE(verdict(std::string_view(whole).substr(0, size), 0) == "incomplete");
}

TEST_CASE("proxy header: what is written is what is read") {
  const Address v4 = *Address::parse("1.2.3.4:1234"), other4 = *Address::parse("5.6.7.8:80");
  const Address v6 = *Address::parse("[2001:db8::1]:1234"), other6 = *Address::parse("[::2]:80");
  const Address path = *Address::parse("unix:/run/app");
  CHECK(net::proxy_header_v1(v4, other4) == "PROXY TCP4 1.2.3.4 5.6.7.8 1234 80\r\n");
  CHECK(net::proxy_header_v1(v6, other6) == "PROXY TCP6 2001:db8::1 ::2 1234 80\r\n");
  CHECK(net::proxy_header_v1(v6, other4) == "PROXY TCP6 2001:db8::1 ::ffff:5.6.7.8 1234 80\r\n");
  CHECK(net::proxy_header_v1(path, other4) == "PROXY UNKNOWN\r\n");
  CHECK(net::proxy_header_v2(v4, other4) == binary(0x21, 0x11, ends4));
  CHECK(net::proxy_header_v2(path, other4) == binary(0x21, 0x00, ""));
  for (const auto write : {net::proxy_header_v1, net::proxy_header_v2}) {
    CHECK(verdict(write(v4, other4), 0) == "1.2.3.4:1234 5.6.7.8:80");
    CHECK(verdict(write(v6, other6), 0) == "[2001:db8::1]:1234 [::2]:80");
    CHECK(verdict(write(path, other4), 0) == "itself");
    CHECK(verdict(write(other4, v6), 0).ends_with(":80 [2001:db8::1]:1234"));
  }
}

}  // namespace
