#include "proxy/http/trace_context.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/hex.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace http {
namespace {

using base::write_hex;

constexpr std::size_t most_members = 32;
constexpr std::size_t longest_tracestate = 512;
constexpr std::size_t long_member = 128;
constexpr std::size_t longest_state_value = 256;

// -1 = not a digit; capital letters are none.
int hex_digit(char c) {
  return c >= 'A' && c <= 'F' ? -1 : base::hex_value(c);
}

// All of the text, up to 16 digits.
std::optional<std::uint64_t> parse_hex(std::string_view text) {
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

// 16 or 32 digits, not all of them 0.
std::optional<TraceId> parse_trace_id(std::string_view text) {
  if (text.size() != 16 && text.size() != 32) return std::nullopt;
  const auto high = parse_hex(text.substr(0, text.size() - 16));
  const auto low = parse_hex(text.substr(text.size() - 16));
  if (!high || !low) return std::nullopt;
  const TraceId id{*high, *low};
  return id.is_none() ? std::nullopt : std::optional(id);
}

std::optional<std::uint64_t> parse_span_id(std::string_view text) {
  const auto span = text.size() == 16 ? parse_hex(text) : std::nullopt;
  return span && *span != 0 ? span : std::nullopt;
}

// "1", "0", and "d" for debug; nothing for another text.
std::optional<std::uint8_t> b3_decision(std::string_view text) {
  if (text == "1" || text == "d") return trace_is_sampled;
  return text == "0" ? std::optional<std::uint8_t>(0) : std::nullopt;
}

bool is_key_char(char c) {
  return (c >= 'a' && c <= 'z') || base::is_digit(c) ||
         std::string_view("_-*/").find(c) != std::string_view::npos;
}

// Level 2, 3.3.1.3.1: the tenant's part may begin with a digit.
bool is_state_key(std::string_view key) {
  const std::size_t at = key.find('@');
  const std::string_view system = at == key.npos ? key : key.substr(at + 1);
  const std::string_view tenant = at == key.npos ? std::string_view() : key.substr(0, at);
  const bool begins_well = !system.empty() && system[0] >= 'a' && system[0] <= 'z';
  const bool fits = at == key.npos ? key.size() <= 256 : system.size() <= 14 && tenant.size() <= 241;
  const bool has_tenant = at == key.npos || (!tenant.empty() && (base::is_digit(tenant[0]) ||
                                                                  base::is_alpha(tenant[0])));
  return begins_well && fits && has_tenant && std::all_of(system.begin(), system.end(), is_key_char) &&
         std::all_of(tenant.begin(), tenant.end(), is_key_char);
}

bool is_state_value(std::string_view value) {
  const auto is_fit = [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; };
  return !value.empty() && value.size() <= longest_state_value && value.back() != ' ' &&
         std::all_of(value.begin(), value.end(), is_fit);
}

bool is_state_member(std::string_view member) {
  const std::size_t sign = member.find('=');
  return sign != member.npos && is_state_key(member.substr(0, sign)) &&
         is_state_value(member.substr(sign + 1));
}

std::size_t size_of(const std::vector<std::string_view>& members) {
  std::size_t size = members.empty() ? 0 : members.size() - 1;  // commas
  for (const std::string_view member : members) size += member.size();
  return size;
}

// Level 2, 3.3.1.5: first who says much, then who spoke first.
void shorten(std::vector<std::string_view>& members) {
  while (size_of(members) > longest_tracestate) {
    const auto last_long =
        std::find_if(members.rbegin(), members.rend(),
                     [](std::string_view member) { return member.size() > long_member; });
    members.erase(last_long != members.rend() ? std::prev(last_long.base())
                                              : std::prev(members.end()));
  }
}

bool is_b3(const Headers::Field& field) {
  return field.name.starts_with("x-b3-");
}

void set_b3_fields(Headers& headers, const TraceParent& parent) {
  headers.remove("x-b3-parentspanid");
  headers.remove("x-b3-flags");
  headers.set("x-b3-traceid", view(text_of(parent.id)));
  headers.set("x-b3-spanid", view(span_text(parent.span)));
  headers.set("x-b3-sampled", (parent.flags & trace_is_sampled) != 0 ? "1" : "0");
}

}  // namespace

// 3.2.2: VERSION "-" TRACE-ID "-" PARENT-ID "-" FLAGS; later versions may have more behind it.
std::optional<TraceParent> parse_traceparent(std::string_view value) {
  constexpr std::size_t size = 55;
  if (value.size() < size || value[2] != '-' || value[35] != '-' || value[52] != '-')
    return std::nullopt;
  const auto version = parse_hex(value.substr(0, 2));
  const auto id = parse_trace_id(value.substr(3, 32));
  const auto span = parse_span_id(value.substr(36, 16));
  const auto flags = parse_hex(value.substr(53, 2));
  if (!version || !id || !span || !flags || *version == 0xff) return std::nullopt;
  if (value.size() > size && (*version == 0 || value[size] != '-')) return std::nullopt;
  const unsigned known = *version == 0 ? trace_is_sampled | trace_is_random : trace_is_sampled;
  return TraceParent{*id, *span, static_cast<std::uint8_t>(*flags & known)};
}

// TRACE-ID "-" SPAN-ID ["-" DECISION ["-" PARENT]], or a decision alone.
std::optional<TraceParent> parse_b3(std::string_view value) {
  if (const auto decision = b3_decision(value)) return TraceParent{{}, 0, *decision};
  const std::size_t dash = value.find('-');
  if (dash == value.npos) return std::nullopt;
  const auto id = parse_trace_id(value.substr(0, dash));
  const auto span = parse_span_id(value.substr(dash + 1, 16));
  if (!id || !span) return std::nullopt;
  std::string_view rest = value.substr(dash + 17);
  if (rest.empty()) return TraceParent{*id, *span, 0, true};
  const auto decision = rest.size() >= 2 ? b3_decision(rest.substr(1, 1)) : std::nullopt;
  if (rest[0] != '-' || !decision) return std::nullopt;
  rest.remove_prefix(2);
  if (!rest.empty() && (rest[0] != '-' || !parse_span_id(rest.substr(1)))) return std::nullopt;
  return TraceParent{*id, *span, *decision};
}

std::optional<TraceParent> parse_b3_fields(const Headers& headers) {
  const auto id = headers.find("x-b3-traceid");
  const auto span = headers.find("x-b3-spanid");
  const auto sampled = headers.find("x-b3-sampled");
  TraceParent parent;
  parent.leaves_open = !sampled;
  if (sampled) {
    const auto decision = *sampled == "true" ? trace_is_sampled : b3_decision(*sampled);
    if (!decision && *sampled != "false") return std::nullopt;
    parent.flags = decision.value_or(0);
  }
  if (headers.find("x-b3-flags") == "1") {  // debug
    parent.flags = trace_is_sampled;
    parent.leaves_open = false;
  }
  if (!id && !span) return parent.leaves_open ? std::nullopt : std::optional(parent);
  const auto known_id = parse_trace_id(id.value_or(""));
  const auto known_span = parse_span_id(span.value_or(""));
  if (!known_id || !known_span) return std::nullopt;
  parent.id = *known_id;
  parent.span = *known_span;
  return parent;
}

std::optional<TraceParent> find_traceparent(const Headers& headers) {
  const auto value = headers.find(Name::traceparent);
  if (!value || headers.count(Name::traceparent) > 1) return std::nullopt;
  return parse_traceparent(*value);
}

TraceIdText text_of(const TraceId& id) {
  TraceIdText text;
  write_hex(write_hex(text.data(), id.high, 8), id.low, 8);
  return text;
}

SpanIdText span_text(std::uint64_t span) {
  SpanIdText text;
  write_hex(text.data(), span, 8);
  return text;
}

TraceParentText traceparent_text(const TraceParent& parent) {
  TraceParentText text;
  char* at = text.data();
  const auto dash = [&at] { *at++ = '-'; };
  at = write_hex(at, 0, 1);
  dash();
  at = write_hex(write_hex(at, parent.id.high, 8), parent.id.low, 8);
  dash();
  at = write_hex(at, parent.span, 8);
  dash();
  write_hex(at, parent.flags, 1);
  return text;
}

void set_trace(Headers& headers, const TraceParent& parent) {
  const TraceParentText text = traceparent_text(parent);
  if (headers.find(Name::traceparent) != view(text) || headers.count(Name::traceparent) > 1)
    headers.set(Name::traceparent, view(text));
}

void set_b3(Headers& headers, const TraceParent& parent) {
  if (headers.contains(Name::b3)) {
    const TraceParentText text = traceparent_text(parent);
    std::string single(text.data() + 3, 50);  // both ids and the dash behind
    headers.set(Name::b3, single += (parent.flags & trace_is_sampled) != 0 ? '1' : '0');
  }
  for (const Headers::Field field : headers)
    if (is_b3(field)) return set_b3_fields(headers, parent);
}

void tidy_tracestate(Headers& headers) {
  const auto first = headers.find(Name::tracestate);
  if (!first) return;
  const std::size_t lines = headers.count(Name::tracestate);
  std::vector<std::string_view> members;
  bool is_valid = true;
  for (const Headers::Field field : headers) {
    if (field.id != Name::tracestate || !is_valid) continue;
    base::for_each_element(field.value, [&](std::string_view member) {
      members.push_back(member);
      return is_valid = members.size() <= most_members && is_state_member(member);
    });
  }
  if (!is_valid || members.empty()) {
    headers.remove(Name::tracestate);
    return;
  }
  if (lines == 1 && first->size() <= longest_tracestate) return;
  shorten(members);
  std::string joined;
  for (const std::string_view member : members)
    joined.append(joined.empty() ? "" : ",").append(member);
  headers.set(Name::tracestate, joined);
}

}  // namespace http
