// Heads of requests: the verdict is the same however they are cut, and Boost.Beast agrees.
#include "tests/fuzz/beast.hpp"
#include "tests/unit/http1/verdicts.hpp"

namespace {

using http1::ParsedRequest;

void compare_with_beast(std::string_view bytes, const ParsedRequest& head) {
  if (fuzz::has_proxy_connection(head)) return;
  fuzz::beast::request_parser<fuzz::beast::empty_body> parser;
  parser.header_limit(fuzz::header_limit);
  parser.body_limit(boost::none);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error) std::fprintf(stderr, "Beast: %s\n", error.message().c_str());
  fuzz::require(!error && parser.is_header_done(), "Beast accepts this request");
  const auto& theirs = parser.get();
  fuzz::require(fuzz::plain(theirs.method_string()) == head.method, "the same method");
  const std::string_view target = fuzz::plain(theirs.target());
  fuzz::require(head.path == "*" || head.path == "/" || target.ends_with(head.path),
                "the same path");
  fuzz::require(theirs.version() == 10U + static_cast<unsigned>(head.minor_version),
                "the same version");
  fuzz::require(parser.chunked() == head.is_chunked, "chunked for both");
  const auto length = parser.content_length();
  fuzz::require(length.has_value() == head.content_length.has_value() &&
                    (!length || *length == *head.content_length),
                "the same length");
  if (head.minor_version == 1 || head.keeps_alive || !fuzz::says_keep_alive(head))
    fuzz::require(parser.keep_alive() == head.keeps_alive, "the same persistence");
  fuzz::compare_fields(head, theirs);
}

// What the rest of the program relies on.
void check(const ParsedRequest& head) {
  const bool is_connect = head.method == "CONNECT";
  fuzz::require(head.path.starts_with('/') || (head.path == "*" && head.method == "OPTIONS") ||
                    (head.path.empty() && is_connect),
                "a path of a known form");
  fuzz::require(head.minor_version == 0 || !head.authority.empty(), "HTTP/1.1 has an authority");
  fuzz::require(!(head.is_chunked && head.content_length), "one framing");
  fuzz::require(head.fields().size() <= http1::HeadLimits().header_count, "not too many fields");
  fuzz::require(head.path.find_first_of(" \r\n\t#\\") == head.path.npos, "a clean path");
  for (const http1::FieldView& field : head.fields())
    fuzz::require(!field.name.empty() && field.value.find_first_of("\r\n") == field.value.npos,
                  "clean fields");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes = fuzz::text_of(data, size);
  const std::string whole = http1::request_verdict({bytes});
  fuzz::require_same(whole, http1::request_verdict(fuzz::pieces_of(bytes)), "whole and in pieces");
  http1::ScanState scan;
  ParsedRequest head;
  const auto head_size = http1::parse_request_head(bytes, {}, scan, head);
  if (!head_size || *head_size == 0) return 0;
  check(head);
  compare_with_beast(bytes.substr(scan.head_start, *head_size - scan.head_start), head);
  return 0;
}
