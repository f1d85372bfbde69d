// Chunked bodies: the same data and verdict however they are cut, and Boost.Beast agrees with what
// ours takes.
#include "tests/fuzz/beast.hpp"
#include "tests/unit/http1/verdicts.hpp"

namespace {

using fuzz::beast::error;

bool is_about_trailers(boost::system::error_code code) {
  return code == error::bad_content_length || code == error::multiple_content_length ||
         code == error::bad_transfer_encoding || code == error::bad_value;
}

// "DATA;+BYTES LEFT" or "DATA;incomplete" or "DATA;" and why it is refused.
std::string beast_verdict(std::string_view body, const std::string& ours) {
  fuzz::beast::response_parser<fuzz::beast::string_body> parser;
  parser.header_limit(fuzz::header_limit);
  parser.body_limit(boost::none);
  parser.eager(true);
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  boost::system::error_code code;
  parser.put(boost::asio::buffer(head), code);
  while (!body.empty() && !parser.is_done()) {
    code = {};
    const std::size_t used = parser.put(boost::asio::buffer(body.data(), body.size()), code);
    body.remove_prefix(used);
    if (code || used == 0) break;
  }
  const std::string& data = parser.get().body();
  if (parser.is_done()) return data + ";+" + std::to_string(body.size());
  if (!code || code == error::need_more) return data + ";incomplete";
  return is_about_trailers(code) && ours.starts_with(data + ";") ? ours
                                                                 : data + ";" + code.message();
}

struct Decoded {
  bool is_refused = false;
  std::string verdict;
};

Decoded decode(std::string_view body) {
  http1::ChunkedDecoder decoder(http1::Side::request, {});
  Decoded decoded;
  base::Bytes input = base::Bytes::copy_of(body);
  while (!input.empty() && !decoder.has_ended()) {
    const auto some = decoder.next(input);
    if (!some) return {true, {}};
    decoded.verdict += some->view();
  }
  decoded.verdict +=
      decoder.has_ended() ? ";+" + std::to_string(input.size()) : std::string(";incomplete");
  return decoded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body = fuzz::text_of(data, size);
  fuzz::require_same(http1::chunked_verdict({body}),
                     http1::chunked_verdict(fuzz::pieces_of(body)), "whole and in pieces");
  const Decoded ours = decode(body);
  if (ours.is_refused) return 0;
  fuzz::require_same(ours.verdict, beast_verdict(body, ours.verdict), "ours and Beast's");
  return 0;
}
