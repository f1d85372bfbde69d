// Answers of name servers to a question for SRV records: whatever the bytes are, what is taken is
// bounded and has the form that the rest relies on, and c-ares has found the same records.
#include "proxy/net/srv_answer.hpp"
#include "tests/fuzz/pieces.hpp"

#include <algorithm>
#include <ares.h>
#include <memory>

namespace {

struct Free {
  void operator()(ares_srv_reply* reply) const { ares_free_data(reply); }
};

void check_records(const net::SrvAnswer& found) {
  fuzz::require(found.records.size() <= 64, "few records");
  fuzz::require(found.ttl.count() >= 0, "a TTL");
  for (const net::SrvRecord& record : found.records) {
    fuzz::require(record.port != 0, "a port");
    fuzz::require(!record.target.empty() && record.target.size() <= 253, "a name");
    fuzz::require(std::all_of(record.target.begin(), record.target.end(),
                              [](unsigned char c) { return c > ' ' && c < 0x7F; }),
                  "a name that can be shown");
  }
}

void compare(const net::SrvAnswer& found, const std::uint8_t* data, std::size_t size) {
  ares_srv_reply* parsed = nullptr;
  if (ares_parse_srv_reply(data, static_cast<int>(size), &parsed) != ARES_SUCCESS) return;
  const std::unique_ptr<ares_srv_reply, Free> theirs(parsed);
  for (const net::SrvRecord& record : found.records) {
    bool is_there = false;
    for (const ares_srv_reply* each = theirs.get(); each; each = each->next)
      is_there = is_there || (each->host == record.target && each->port == record.port &&
                              each->priority == record.priority && each->weight == record.weight);
    fuzz::require(is_there, "c-ares has found it as well");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::optional<net::SrvAnswer> found = net::read_srv_answer(fuzz::text_of(data, size));
  if (!found) return 0;
  check_records(*found);
  compare(*found, data, size);
  return 0;
}
