// A name server of a test, on the loopback: it answers A, AAAA and SRV questions with what it was told
// to, whenever the test lets it. One thread.
#pragma once

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/address.hpp"

namespace net_test {

inline constexpr int a = 1;
inline constexpr int cname = 5;
inline constexpr int aaaa = 28;
inline constexpr int srv = 33;

struct Record {
  std::string name;
  int type;
  std::uint32_t ttl;
  std::string data;  // an address, a name, or of SRV "PRIORITY WEIGHT PORT NAME"
};

inline void append_number(std::string& out, std::uint32_t value, int bytes) {
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
}

inline std::string encoded_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::size_t dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(dot == name.npos ? name.size() : dot + 1);
  }
  return out + '\0';
}

inline std::string encoded(const Record& record) {
  std::string data;
  if (record.type == cname) {
    data = encoded_name(record.data);
  } else if (record.type == srv) {
    std::string_view rest = record.data;
    for (int i = 0; i < 3; ++i) {
      append_number(data, static_cast<std::uint32_t>(std::stoul(std::string(rest))), 2);
      rest.remove_prefix(rest.find(' ') + 1);
    }
    data += encoded_name(rest);
  } else {
    const base::Address address = *base::Address::parse_ip(record.data, 0);
    const char* bytes = reinterpret_cast<const char*>(address.bytes());
    data = record.type == a ? std::string(bytes + 12, 4) : std::string(bytes, 16);
  }
  std::string out = encoded_name(record.name);
  append_number(out, static_cast<std::uint32_t>(record.type), 2);
  append_number(out, 1, 2);
  append_number(out, record.ttl, 4);
  append_number(out, static_cast<std::uint32_t>(data.size()), 2);
  return out + data;
}

class NameServer {
 public:
  NameServer() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    const base::Address::Socket any = base::Address::parse("127.0.0.1:0")->socket();
    REQUIRE(::bind(socket_, any.get(), any.size) == 0);
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;
  ~NameServer() { ::close(socket_); }

  std::string address() const { return base::Address::local_of(socket_).to_string(); }

  void answer() {
    while (answer_one()) {}
  }

  bool answer_one() {
    char room[512];
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    auto* sender = reinterpret_cast<sockaddr*>(&from);
    const ssize_t got = ::recvfrom(socket_, room, sizeof room, 0, sender, &size);
    if (got < 12) return false;
    if (is_silent) return true;
    const std::string_view query(room, static_cast<std::size_t>(got));
    const std::size_t end = query.find('\0', 12) + 5;
    const int type = query[end - 3];
    if (type == silent_to) return true;
    ++questions;
    std::string out(query.substr(0, 2));
    out += '\x81';
    out += static_cast<char>(0x80 | code);
    append_number(out, 1, 2);
    const auto is_asked_for = [&, name = query.substr(12, end - 4 - 12)](const Record& record) {
      return !answers_by_name || record.type == cname || encoded_name(record.name) == name;
    };
    std::vector<Record> given;
    for (const Record& record : answers[type])
      if (is_asked_for(record)) given.push_back(record);
    append_number(out, static_cast<std::uint32_t>(given.size()), 2);
    append_number(out, 0, 4);
    out += query.substr(12, end - 12);
    for (const Record& record : given) out += encoded(record);
    REQUIRE(::sendto(socket_, out.data(), out.size(), 0, sender, size) > 0);
    return true;
  }

  std::map<int, std::vector<Record>> answers;  // by the type that is asked for
  bool answers_by_name = false;  // else each question gets all of its type
  int code = 0;
  bool is_silent = false;
  int silent_to = 0;  // a type
  int questions = 0;

 private:
  int socket_;
};

}  // namespace net_test
