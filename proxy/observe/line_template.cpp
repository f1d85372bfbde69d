#include "proxy/observe/line_template.hpp"

#include "proxy/base/json.hpp"
#include "proxy/observe/described_exchange.hpp"

#include <utility>

namespace observe {
namespace {

using config::ExchangeField;

// Without blanks, quotation marks and control bytes, so that columns stay what they are.
void append_word(std::string& out, std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  if (text.empty()) out += '-';
  for (const char c : text.substr(0, longest_field)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '"' && c != '\\')
      out += c;
    else
      out.append("\\x").append({hex[byte >> 4], hex[byte & 15]});
  }
}

// Of a field that is there. Times are in milliseconds, with three decimals.
std::string number_text(ExchangeField field, std::int64_t value) {
  if (field == ExchangeField::reused) return value != 0 ? "true" : "false";
  if (field < ExchangeField::ms_total) return std::to_string(value);
  std::string decimals = std::to_string(1000 + value % 1000);
  decimals[0] = '.';
  return std::to_string(value / 1000) + decimals;
}

// Kept if it is, else made for whoever asks: the line is the last.
std::string text_of(ExchangeField field, const DescribedExchange& exchange,
                    const http::StreamInfo& info) {
  if (field != ExchangeField::request_id) return std::string(exchange.text(field));
  http::StreamInfo::MadeId made;
  return std::string(info.last_request_id(made));
}

}  // namespace

LineTemplate LineTemplate::of_text(std::string_view text) {
  LineTemplate made;
  std::string literal;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_doubled = text.substr(i, 2) == "{{" || text.substr(i, 2) == "}}";
    if (is_doubled || text[i] != '{') {
      literal += text[i];
      i += is_doubled ? 1 : 0;
      continue;
    }
    const std::size_t end = text.find('}', i);
    const std::string_view name = text.substr(i + 1, end - i - 1);
    if (!literal.empty()) made.parts_.push_back({std::exchange(literal, {})});
    made.parts_.push_back({std::string(name), true, config::exchange_field(name)});
    i = end;
  }
  if (!literal.empty()) made.parts_.push_back({std::move(literal)});
  return made;
}

LineTemplate LineTemplate::of_fields(const std::vector<std::string>& fields) {
  LineTemplate made;
  made.is_json_ = true;
  for (const std::string& name : fields)
    made.parts_.push_back({name, true, config::exchange_field(name)});
  return made;
}

void LineTemplate::append(std::string& out, const http::StreamInfo& info,
                          const AccessRecord& record, std::string_view timestamp) const {
  const DescribedExchange exchange(info, record);
  bool is_first = true;
  if (is_json_) out += '{';
  for (const Part& part : parts_) {
    if (!part.is_field) {
      out += part.literal;
      continue;
    }
    const bool is_number = part.field && config::is_number(*part.field);
    const std::int64_t number = is_number ? exchange.number(*part.field) : 0;
    const std::string text = is_number    ? number < 0 ? "" : number_text(*part.field, number)
                                : part.field ? text_of(*part.field, exchange, info)
                                          : std::string(timestamp);
    if (!is_json_) {
      append_word(out, text);
      continue;
    }
    if (text.empty()) continue;
    out.append(std::exchange(is_first, false) ? "\"" : ",\"").append(part.literal).append("\":");
    if (!is_number) out += '"';
    base::append_json(out, text, longest_field);
    if (!is_number) out += '"';
  }
  out += is_json_ ? "}\n" : "\n";
}

}  // namespace observe
