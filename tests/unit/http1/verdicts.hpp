// What the parsers make of bytes, whole or in pieces, as text that a test can compare.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http1/chunked.hpp"
#include "proxy/http1/parser.hpp"

namespace http1 {

inline std::string to_text(const MessageHead& head) {
  std::string text = head.minor_version == 1 ? "1.1" : "1.0";
  if (head.is_chunked) text += " chunked";
  if (head.content_length) text += " length=" + std::to_string(*head.content_length);
  text += head.keeps_alive ? " keep" : " close";
  return text;
}

inline std::string fields_of(const MessageHead& head) {
  std::string text;
  for (const FieldView& field : head.fields())
    text.append("|").append(field.name).append("=").append(field.value);
  return text;
}

inline std::string to_text(const ParsedRequest& head) {
  std::string text = std::string(head.method) + " " + std::string(head.authority) + " " +
                     std::string(head.path) + " " + to_text(static_cast<const MessageHead&>(head));
  if (head.is_websocket) text += " websocket";
  if (head.expects_continue) text += " continue";
  return text;
}

inline std::string to_text(const ParsedResponse& head) {
  std::string text =
      std::to_string(head.status) + " " + to_text(static_cast<const MessageHead&>(head));
  if (head.has_body) text += " body";
  if (head.keep_alive_timeout)
    text += " timeout=" + std::to_string(head.keep_alive_timeout->count());
  return text;
}

// A head that comes in pieces: each call gives all bytes so far, in a buffer of just that size.
template <typename Parse>
std::string verdict_in_pieces(const std::vector<std::string_view>& pieces, Parse parse) {
  ScanState scan;
  std::string sofar;
  for (const std::string_view piece : pieces) {
    sofar += piece;
    const std::vector<char> exact(sofar.begin(), sofar.end());
    const std::string verdict = parse({exact.data(), exact.size()}, scan);
    if (verdict != "incomplete") return verdict;
  }
  return "incomplete";
}

inline std::string request_verdict(const std::vector<std::string_view>& pieces,
                                   const HeadLimits& limits = {}) {
  return verdict_in_pieces(pieces, [&limits](std::string_view bytes, ScanState& scan) {
    ParsedRequest head;
    const base::Result<std::size_t> size = parse_request_head(bytes, limits, scan, head);
    if (!size) return std::string(base::to_string(size.error().reason));
    return *size == 0 ? "incomplete" : to_text(head) + fields_of(head);
  });
}

inline std::string response_verdict(const std::vector<std::string_view>& pieces,
                                    const HeadLimits& limits = {},
                                    http::Method request = http::Method::get) {
  return verdict_in_pieces(pieces, [&](std::string_view bytes, ScanState& scan) {
    ParsedResponse head;
    const base::Result<std::size_t> size = parse_response_head(bytes, limits, request, scan, head);
    if (!size) return std::string(base::to_string(size.error().reason));
    return *size == 0 ? "incomplete" : to_text(head) + fields_of(head);
  });
}

// "DATA;name=value;+BYTES LEFT", or "DATA;" and what is wrong or "incomplete".
inline std::string chunked_verdict(const std::vector<std::string_view>& pieces,
                                   const TrailerLimits& limits = {}) {
  ChunkedDecoder decoder(Side::request, limits);
  std::string data;
  std::size_t left = 0;
  for (const std::string_view piece : pieces) {
    base::Bytes input = base::Bytes::copy_of(piece);
    while (!input.empty() && !decoder.has_ended()) {
      const base::Result<base::Bytes> some = decoder.next(input);
      if (!some) return data + ";" + std::string(base::to_string(some.error().reason));
      data += some->view();
    }
    left += input.size();
  }
  if (!decoder.has_ended()) return data + ";incomplete";
  for (const http::Headers::Field field : decoder.take_trailers())
    data.append(";").append(field.name).append("=").append(field.value);
  return data + ";+" + std::to_string(left);
}

}  // namespace http1
