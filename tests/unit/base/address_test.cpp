#include "proxy/base/address.hpp"

#include <doctest/doctest.h>

namespace {

using base::Address;
using base::AddressRange;

TEST_CASE("addresses are printed as they are written") {
  for (const char* text : {"127.0.0.1:80", "[::1]:8080", "0.0.0.0:0", "255.10.109.200:1",
                           "[2001:db8::7]:65535", "unix:/run/app.sock"}) {
    CAPTURE(text);
    const auto address = Address::parse(text);
    REQUIRE(address);
    CHECK(address->to_string() == text);
    const Address::Socket socket = address->socket();
    CHECK(Address::from(socket.get(), socket.size) == *address);
  }
}

TEST_CASE("what is not an address is refused") {
  for (const char* text : {"", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.1:80", "::1:80", "[127.0.0.1]:80", "localhost:80", "unix:",
                           "1.2.3.4:080x", "[::1]80"}) {
    CAPTURE(text);
    CHECK_FALSE(Address::parse(text));
  }
  CHECK_FALSE(Address::parse("unix:/" + std::string(200, 'a')));
}

TEST_CASE("a range contains its block and nothing else") {
  const auto contains = [](const char* range, const char* ip) {
    return AddressRange::parse(range).value().contains(Address::parse_ip(ip, 0).value());
  };
  CHECK(contains("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.1"));
  CHECK(contains("192.168.1.128/25", "192.168.1.129"));
  CHECK_FALSE(contains("192.168.1.128/25", "192.168.1.127"));
  CHECK(contains("::1", "::1"));
  CHECK_FALSE(contains("::1", "::2"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  for (const char* text : {"10.0.0.0/33", "10.0.0.0/", "::/129", "x/8"})
    CHECK_FALSE(AddressRange::parse(text));
}

TEST_CASE("loopback is told from the rest") {
  CHECK(Address::parse("127.8.9.1:1").value().is_loopback());
  CHECK(Address::parse("[::1]:1").value().is_loopback());
  CHECK_FALSE(Address::parse("10.0.0.1:1").value().is_loopback());
}

}  // namespace
