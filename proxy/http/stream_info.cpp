#include "proxy/http/stream_info.hpp"

#include "proxy/base/hex.hpp"

#include <chrono>

namespace http {
namespace {

using base::write_hex;

// RFC 9562 5.7: 48 bits of milliseconds, then chance.
void write_uuid_v7(StreamInfo::MadeId& out, base::Loop& loop) {
  const auto millis = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::milliseconds>(loop.wall(loop.now()))
          .time_since_epoch()
          .count());
  const std::uint64_t high = (millis << 16) | 0x7000 | (loop.random().next() & 0x0fff);
  const std::uint64_t low = (loop.random().next() >> 2) | (1ULL << 63);
  char* at = write_hex(out.data(), high >> 32, 4);
  *at++ = '-';
  at = write_hex(at, high >> 16, 2);
  *at++ = '-';
  at = write_hex(at, high, 2);
  *at++ = '-';
  at = write_hex(at, low >> 48, 2);
  *at++ = '-';
  write_hex(at, low, 6);
}

}  // namespace

void StreamInfo::take_after(const StreamInfo& like) {
  service = like.service;
  listener = like.listener;
  pseudonym = like.pseudonym;
  is_outbound = like.is_outbound;
  is_trusted = like.is_trusted;
  forwarded_for = like.forwarded_for;
  route = like.route;
  rewritten_host = like.rewritten_host;
  request_id_field = like.request_id_field;
  is_grpc = like.is_grpc;
}

const std::string& StreamInfo::request_id() {
  if (kept_request_id.empty()) {
    MadeId made;
    write_uuid_v7(made, loop);
    kept_request_id.assign(made.data(), made.size());
  }
  return kept_request_id;
}

std::string_view StreamInfo::last_request_id(MadeId& made) const {
  if (!kept_request_id.empty()) return kept_request_id;
  write_uuid_v7(made, loop);
  return {made.data(), made.size()};
}

}  // namespace http
