#include "proxy/net/srv_answer.hpp"

#include "tests/unit/net/name_server.hpp"

#include <doctest/doctest.h>

namespace {

using net::read_srv_answer;
using net::SrvRecord;
using net_test::append_number;
using net_test::cname;
using net_test::encoded;
using net_test::Record;
using net_test::srv;

std::string answer_of(const std::vector<Record>& records) {
  std::string out(4, '\0');
  append_number(out, 1, 2);
  append_number(out, static_cast<std::uint32_t>(records.size()), 2);
  append_number(out, 0, 4);
  out += net_test::encoded_name("_http._tcp.orders.test");
  append_number(out, srv, 2);
  append_number(out, 1, 2);
  for (const Record& record : records) out += encoded(record);
  return out;
}

const std::string name = "_http._tcp.orders.test";

TEST_CASE("srv answer: records, and the least TTL of their chain") {
  const auto found = read_srv_answer(answer_of({{name, cname, 30, "b.test"},
                                                {"b.test", srv, 60, "10 5 8080 one.test"},
                                                {"b.test", srv, 90, "20 0 8081 two.test"}}));
  REQUIRE(found);
  CHECK(found->ttl == std::chrono::seconds(30));
  REQUIRE(found->records.size() == 2);
  CHECK(found->records[0] == SrvRecord{"one.test", 8080, 10, 5});
  CHECK(found->records[1] == SrvRecord{"two.test", 8081, 20, 0});
}

TEST_CASE("srv answer: the root, no port and what is no host name are left out") {
  const auto none = read_srv_answer(answer_of({{name, srv, 60, "0 0 0 "}}));
  REQUIRE(none);
  CHECK(none->records.empty());
  const auto odd = read_srv_answer(answer_of(
      {{name, srv, 60, "0 0 80 a b.test"}, {name, srv, 60, "0 0 0 a.test"}}));
  REQUIRE(odd);
  CHECK(odd->records.empty());
}

TEST_CASE("srv answer: at most 64 records, and no TTL beyond 31 bits") {
  const std::vector<Record> many(70, {name, srv, 0xFFFFFFFFU, "1 1 80 a.test"});
  const auto found = read_srv_answer(answer_of(many));
  REQUIRE(found);
  CHECK(found->records.size() == 64);
  CHECK(found->ttl == std::chrono::seconds(0));
}

TEST_CASE("srv answer: a compressed name leads backwards only") {
  const auto with_target = [](const std::string& target) {
    std::string out = answer_of({});
    out[7] = 1;
    out += "\xC0\x0C";  // the question's name
    append_number(out, srv, 2);
    append_number(out, 1, 2);
    append_number(out, 60, 4);
    append_number(out, static_cast<std::uint32_t>(6 + target.size()), 2);
    append_number(out, 0, 4);
    append_number(out, 80, 2);
    return out + target;
  };
  const auto found = read_srv_answer(with_target("\x03www\xC0\x17"));  // "orders.test"
  REQUIRE(found);
  CHECK(found->records.at(0).target == "www.orders.test");
  const std::size_t itself = with_target("").size();
  CHECK(!read_srv_answer(with_target(std::string("\xC0") + static_cast<char>(itself))));
  CHECK(!read_srv_answer(with_target("\xC0\xFF")));
  CHECK(!read_srv_answer(with_target(std::string("\x01"
                                                 "a\xC0") +
                                     static_cast<char>(itself))));
}

TEST_CASE("srv answer: what ends too early is none, wherever it is cut") {
  const std::string whole = answer_of({{name, srv, 60, "10 5 8080 one.test"}});
  CHECK(read_srv_answer(whole));
  for (std::size_t end = 0; end < whole.size(); ++end)
    CHECK(!read_srv_answer(std::string_view(whole).substr(0, end)));
}

TEST_CASE("srv answer: a record longer or shorter than it says is none") {
  std::string longer = answer_of({{name, srv, 60, "10 5 8080 one.test"}});
  longer[longer.size() - 10 - 6 - 1] = static_cast<char>(17);
  CHECK(!read_srv_answer(longer + "x"));
}

}  // namespace
