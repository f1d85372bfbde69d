// What the tests share in which one process takes the place of another. Header only.
#pragma once

#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <string>
#include <sys/types.h>

namespace life {

// The same route answers for itself: what configuration is it?
inline std::string answering(int status, const std::string& bind = "127.0.0.1:0") {
  return "version: 1\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress: { bind: \"" +
         bind + "\", routes: [{ respond: { status: " + std::to_string(status) + " } }] }\n";
}

inline harness::Answer post(const base::Address& admin, const std::string& path) {
  harness::Socket client = harness::Socket::connect(admin);
  client.send("POST " + path + " HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\n\r\n");
  return client.read_answer();
}

// The processes that upgrades make, one after the other.
class Successors {
 public:
  explicit Successors(harness::Outrider& first) : first_(first) {}
  // Once it has taken over.
  pid_t next() {
    const std::string mark = "upgrade: process ";
    while (first_->said().find(mark, seen_) == std::string::npos) first_->wait_for_more();
    const std::size_t at = first_->said().find(mark, seen_) + mark.size();
    while (first_->said().find(' ', at) == std::string::npos) first_->wait_for_more();
    seen_ = at;
    return std::stoi(first_->said().substr(at));
  }

 private:
  harness::Outrider& first_;
  std::size_t seen_ = 0;
};

}  // namespace life
