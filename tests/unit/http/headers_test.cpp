#include "proxy/http/headers.hpp"

#include <doctest/doctest.h>

#include "proxy/http/hop_by_hop.hpp"

namespace {

using http::Headers;
using http::Name;

TEST_CASE("every known name leads to its number and back") {
  for (int i = 1; i <= static_cast<int>(Name::x_request_timeout); ++i) {
    const auto name = static_cast<Name>(i);
    CAPTURE(http::to_string(name));
    CHECK(http::known_name(http::to_string(name)) == name);
  }
  for (const char* name : {"", "hos", "hosts", "content-lengths", "x-unknown", "acceps"})
    CHECK(http::known_name(name) == Name::other);
}

TEST_CASE("fields keep their order; names are lower case and found again") {
  Headers headers;
  headers.add("X-One", "1");
  headers.add("Accept", "a");
  headers.add("x-one", "2");
  CHECK(headers.size() == 3);
  CHECK(headers[0].name == "x-one");
  CHECK(headers[1].id == Name::accept);
  CHECK(headers.find("x-one") == "1");
  CHECK(headers.find(Name::accept) == "a");
  CHECK_FALSE(headers.contains(Name::host));
  CHECK(headers.remove("x-one") == 2);
  CHECK(headers.size() == 1);
}

TEST_CASE("a copy does not change with what it was copied from") {
  Headers original;
  original.add("a", "1");
  Headers copy = original;
  copy.set("a", "2");
  copy.add("b", "3");
  CHECK(original.find("a") == "1");
  CHECK(original.size() == 1);
  CHECK(copy.find("a") == "2");
  original.clear();
  CHECK(copy.size() == 2);
}

TEST_CASE("a field may be set to what is its own value's text") {
  Headers headers;
  headers.add("a", "long enough to be moved about in memory");
  headers.set("b", *headers.find("a"));
  headers.set("a", *headers.find("a"));
  CHECK(headers.find("a") == headers.find("b"));
}

TEST_CASE("a field may be added that is a part of the fields that must grow for it") {
  Headers headers;
  headers.add("first", std::string(100, 'v'));
  for (int i = 0; i < 12; ++i) {  // over and over where the text has no room left
    const std::string_view value = headers[0].value;
    headers.add(Name::cookie, value);
    headers.set("second", *headers.find("first"));
    headers.add(Name::other, headers[0].name, headers[0].value);
    headers.add(headers[0].name, headers[0].value);
    Headers shared = headers;
    shared.set("copy", *shared.find("first"));
    CHECK(shared.find("copy") == std::string(100, 'v'));
  }
  CHECK(headers.find("first") == std::string(100, 'v'));
  CHECK(headers.count(Name::cookie) == 12);
}

http::RequestHead request_with(std::initializer_list<std::pair<const char*, const char*>> fields) {
  http::RequestHead head;
  for (const auto& [name, value] : fields) head.headers.add(name, value);
  return head;
}

TEST_CASE("what concerns the connection is not forwarded, and what it names neither") {
  http::RequestHead head = request_with({{"connection", "close, X-Mine, Authorization"},
                                         {"x-mine", "1"},
                                         {"connection", "y-mine, absent, y-mine"},
                                         {"y-mine", "1"},
                                         {"x-mine", "2"},
                                         {"authorization", "kept"},
                                         {"keep-alive", "timeout=5"},
                                         {"te", "gzip, Trailers"},
                                         {"upgrade", "h2c"},
                                         {"http2-settings", "AAA"},
                                         {"proxy-connection", "keep-alive"},
                                         {"x_under_score", "1"},
                                         {"accept", "*/*"}});
  http::clean_request(head);
  CHECK(head.accepts_trailers);
  CHECK(head.headers.size() == 2);
  CHECK(head.headers.find(Name::authorization) == "kept");
  CHECK(head.headers.find(Name::accept) == "*/*");
}

}  // namespace
