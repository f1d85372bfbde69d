// The PROXY header: the same verdict however the bytes are cut, nothing behind it taken, and what
// it says can be written and is read again as it was.
#include "proxy/net/proxy_header.hpp"

#include "tests/fuzz/pieces.hpp"

namespace {

struct Read {
  net::ProxyHeader header;
  std::size_t taken = 0;
};

void take(Read& read, std::string_view bytes) {
  if (read.header.state() == net::ProxyHeader::State::incomplete)
    read.taken += read.header.take(bytes);
}

std::string verdict_of(const Read& read) {
  using State = net::ProxyHeader::State;
  const net::ProxyHeader& header = read.header;
  if (header.state() == State::malformed) return "malformed";
  if (header.state() == State::incomplete) return "incomplete";
  std::string said = std::to_string(read.taken) + " bytes: ";
  if (!header.source()) return said + "itself";
  return said + header.source()->to_string() + " to " + header.destination()->to_string();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  Read whole, cut;
  take(whole, bytes);
  for (const std::string_view piece : fuzz::pieces_of(bytes)) take(cut, piece);
  fuzz::require_same(verdict_of(whole), verdict_of(cut), "whole and in pieces");
  if (!whole.header.source()) return 0;
  const base::Address from = *whole.header.source(), to = *whole.header.destination();
  for (const auto write : {net::proxy_header_v1, net::proxy_header_v2}) {
    Read again;
    take(again, write(from, to));
    const bool is_known = again.header.source().has_value();
    fuzz::require_same(is_known ? again.header.source()->to_string() : "none", from.to_string(),
                       "written and read");
  }
  return 0;
}
