#include "proxy/net/srv_answer.hpp"

#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace net {
namespace {

constexpr std::size_t most_records = 64;
constexpr std::size_t longest_name = 255;  // RFC 1035 2.3.4, its lengths included
constexpr unsigned cname_type = 5;
constexpr unsigned srv_type = 33;
constexpr unsigned internet = 1;
constexpr std::uint32_t longest_ttl = INT32_MAX;  // RFC 2181 8: beyond it, none

bool is_host_character(char c) {
  return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_';
}

// Reads on from a place; once something does not fit, nothing does any more.
class Reader {
 public:
  explicit Reader(std::string_view message) : message_(message) {}

  bool has_failed() const { return has_failed_; }
  std::size_t position() const { return at_; }

  unsigned number(std::size_t bytes) {
    if (!has(bytes)) return 0;
    unsigned value = 0;
    while (bytes-- > 0) value = value << 8U | byte(at_++);
    return value;
  }

  void skip(std::size_t bytes) {
    if (has(bytes)) at_ += bytes;
  }

  // Without its last dot; the root is "". is_host: it has no other characters than host names have.
  std::string name(bool& is_host) {
    std::string out;
    std::size_t at = at_;
    std::size_t earliest = at_;  // where a pointer may not lead to any more, nor behind it
    bool has_jumped = false;
    is_host = true;
    for (;;) {
      if (at >= message_.size()) return fail();
      const unsigned length = byte(at++);
      if (length == 0) break;
      if (length >= 0xC0U) {
        if (at >= message_.size()) return fail();
        const std::size_t target = (length & 0x3FU) << 8U | byte(at++);
        if (!has_jumped) at_ = at;
        has_jumped = true;
        if (target >= earliest) return fail();
        at = earliest = target;
        continue;
      }
      if (length > 63 || message_.size() - at < length || out.size() + length + 2 > longest_name)
        return fail();
      const std::string_view label = message_.substr(at, length);
      is_host = is_host && std::all_of(label.begin(), label.end(), is_host_character);
      if (!out.empty()) out += '.';
      out += label;
      at += length;
    }
    if (!has_jumped) at_ = at;
    return out;
  }

 private:
  unsigned byte(std::size_t at) const { return static_cast<unsigned char>(message_[at]); }
  bool has(std::size_t bytes) {
    if (!has_failed_ && message_.size() - at_ >= bytes) return true;
    has_failed_ = true;
    return false;
  }
  std::string fail() {
    has_failed_ = true;
    return {};
  }

  const std::string_view message_;
  std::size_t at_ = 0;
  bool has_failed_ = false;
};

SrvRecord read_record(Reader& reader, bool& is_host) {
  SrvRecord record;
  record.priority = static_cast<std::uint16_t>(reader.number(2));
  record.weight = static_cast<std::uint16_t>(reader.number(2));
  record.port = static_cast<std::uint16_t>(reader.number(2));
  record.target = reader.name(is_host);
  return record;
}

}  // namespace

std::optional<SrvAnswer> read_srv_answer(std::string_view message) {
  Reader reader(message);
  bool is_host = false;
  reader.skip(4);  // its number and flags, which c-ares has looked at
  const unsigned questions = reader.number(2);
  const unsigned answers = reader.number(2);
  reader.skip(4);
  for (unsigned i = 0; i < questions && !reader.has_failed(); ++i) {
    reader.name(is_host);
    reader.skip(4);
  }
  SrvAnswer found;
  std::uint32_t ttl = longest_ttl;
  for (unsigned i = 0; i < answers && !reader.has_failed(); ++i) {
    reader.name(is_host);
    const unsigned type = reader.number(2);
    const unsigned type_class = reader.number(2);
    const std::uint32_t its_ttl = reader.number(4);
    const std::size_t length = reader.number(2);
    const std::size_t end = reader.position() + length;
    const bool counts = type_class == internet && (type == srv_type || type == cname_type);
    if (counts) ttl = std::min(ttl, its_ttl > longest_ttl ? 0 : its_ttl);
    if (!counts || type == cname_type) {
      reader.skip(length);
      continue;
    }
    SrvRecord record = read_record(reader, is_host);
    if (reader.has_failed() || reader.position() != end) return std::nullopt;
    const bool is_usable = is_host && !record.target.empty() && record.port != 0;
    if (is_usable && found.records.size() < most_records) found.records.push_back(std::move(record));
  }
  if (reader.has_failed()) return std::nullopt;
  found.ttl = std::chrono::seconds(ttl);
  return found;
}

}  // namespace net
