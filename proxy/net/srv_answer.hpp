// The SRV records of a name server's answer (RFC 1035 4.1, RFC 2782), whose TTL c-ares 1.18 does not
// tell. The bytes are a stranger's: every length is checked, and a compressed name leads backwards
// only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace net {

struct SrvRecord {
  std::string target;  // a host name, no dot at its end
  std::uint16_t port = 0;
  std::uint16_t priority = 0;  // the least is asked first
  std::uint16_t weight = 0;    // among those of one priority

  bool operator==(const SrvRecord&) const = default;
};

struct SrvAnswer {
  // At most 64; without "." (there decidedly is no such service) and what is no host name.
  std::vector<SrvRecord> records;
  std::chrono::seconds ttl{};  // the least of all records, CNAMEs included
};

// None: it is no answer that can be read.
std::optional<SrvAnswer> read_srv_answer(std::string_view message);

}  // namespace net
