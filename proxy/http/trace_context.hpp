// Which trace a request is a part of, as its fields say: W3C Trace Context (level 2), and B3 where
// it is asked for. What is not exactly as written there is as if it were absent. Pure.
#pragma once

#include "proxy/http/headers.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace http {

struct TraceId {
  std::uint64_t high = 0, low = 0;
  bool is_none() const { return (high | low) == 0; }
  bool operator==(const TraceId&) const = default;
};

constexpr std::uint8_t trace_is_sampled = 1;
constexpr std::uint8_t trace_is_random = 2;  // its last seven bytes were drawn by chance

// What whoever sent the request says of it.
struct TraceParent {
  TraceId id;              // none: only a decision came (B3)
  std::uint64_t span = 0;  // of the sender
  std::uint8_t flags = 0;
  bool leaves_open = false;  // whether it is sampled (B3)
};

std::optional<TraceParent> parse_traceparent(std::string_view value);
// "b3", and the fields "x-b3-*".
std::optional<TraceParent> parse_b3(std::string_view value);
std::optional<TraceParent> parse_b3_fields(const Headers& headers);

// Nothing: there is none, there are several, or it is not valid.
std::optional<TraceParent> find_traceparent(const Headers& headers);

using TraceIdText = std::array<char, 32>;
using SpanIdText = std::array<char, 16>;
using TraceParentText = std::array<char, 55>;
TraceIdText text_of(const TraceId& id);
SpanIdText span_text(std::uint64_t span);
TraceParentText traceparent_text(const TraceParent& parent);
template <std::size_t size> std::string_view view(const std::array<char, size>& text) {
  return {text.data(), size};
}

// Makes traceparent say so; and B3's fields, those that are there.
void set_trace(Headers& headers, const TraceParent& parent);
void set_b3(Headers& headers, const TraceParent& parent);
// Several lines become one, of at most 512 bytes, which leaves out members that are long, then
// those at the end; what is not valid goes.
void tidy_tracestate(Headers& headers);

}  // namespace http
