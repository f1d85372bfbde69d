// Heads of responses: the verdict is the same however they are cut, and Boost.Beast agrees.
#include "proxy/base/field_names.hpp"
#include "tests/fuzz/beast.hpp"
#include "tests/unit/http1/verdicts.hpp"

namespace {

using http1::ParsedResponse;

bool has_list_of_tokens(const ParsedResponse& head) {
  bool is_list = true;
  for (const http1::FieldView& field : head.fields())
    if (field.id == http::Name::connection)
      base::for_each_element(field.value, [&is_list](std::string_view element) {
        is_list = is_list && base::is_token(element);
        return is_list;
      });
  return is_list;
}

void compare_with_beast(std::string_view wire, const ParsedResponse& head) {
  if (fuzz::has_proxy_connection(head) || !has_list_of_tokens(head)) return;
  constexpr std::size_t shortest_line = std::string_view("HTTP/1.1 200").size();
  std::string bytes(wire);
  if (wire[shortest_line] == '\r') bytes.insert(shortest_line, 1, ' ');
  fuzz::beast::response_parser<fuzz::beast::empty_body> parser;
  parser.header_limit(fuzz::header_limit);
  parser.body_limit(boost::none);
  parser.skip(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes), error);
  if (error) std::fprintf(stderr, "Beast: %s\n", error.message().c_str());
  fuzz::require(!error && parser.is_header_done(), "Beast accepts this response");
  const auto& theirs = parser.get();
  fuzz::require(static_cast<int>(theirs.result_int()) == head.status, "the same status");
  fuzz::require(theirs.version() == 10U + static_cast<unsigned>(head.minor_version),
                "the same version");
  fuzz::compare_fields(head, theirs);
  if (head.status < 200 || head.status == 204) return;  // ours forgets what they say of a body
  fuzz::require(parser.chunked() == head.is_chunked, "chunked for both");
  const auto length = theirs.find(fuzz::beast::field::content_length);
  fuzz::require((length != theirs.end()) == head.content_length.has_value(), "the same length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  for (const http::Method request : {http::Method::get, http::Method::head}) {
    const std::string whole = http1::response_verdict({bytes}, {}, request);
    fuzz::require_same(whole, http1::response_verdict(fuzz::pieces_of(bytes), {}, request),
                       "whole and in pieces");
  }
  http1::ScanState scan;
  ParsedResponse head;
  const auto head_size = http1::parse_response_head(bytes, {}, http::Method::get, scan, head);
  if (!head_size || *head_size == 0) return 0;
  fuzz::require(head.status >= 100 && head.status < 600, "a status");
  fuzz::require(!(head.is_chunked && head.content_length), "one framing");
  fuzz::require(head.status >= 200 || !head.has_body, "no body before the response");
  compare_with_beast(bytes.substr(0, *head_size), head);
  return 0;
}
