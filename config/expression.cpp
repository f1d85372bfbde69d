#include "config/expression.hpp"

#include "config/mistakes.hpp"
#include "config/values.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <utility>

namespace config {
namespace {

constexpr std::size_t longest = 4096;
constexpr int most_nested = 32;

constexpr NamedField fields[] = {
    {"listener", ExchangeField::listener, true, "its listener"},
    {"direction", ExchangeField::direction, true, "outbound or inbound"},
    {"route", ExchangeField::route, true, "its route; absent = none matched"},
    {"method", ExchangeField::method, true, "as the client sent it"},
    {"host", ExchangeField::host, true, "as the client named it, with the port if it did"},
    {"path", ExchangeField::path, true, "as the client sent it, without the query"},
    {"protocol", ExchangeField::protocol, true, "http1, h2, tcp or udp: the client's"},
    {"status", ExchangeField::status, false, "what the client got; 499 = it left first"},
    {"grpc_status", ExchangeField::grpc_status, false,
     "a number; absent = it is no gRPC call, or has none"},
    {"reason", ExchangeField::reason, false, "one word for why it failed; absent = it did not"},
    {"bytes_in", ExchangeField::bytes_in, false, "of the request's body"},
    {"bytes_out", ExchangeField::bytes_out, false, "of the response's body"},
    {"ms.total", ExchangeField::ms_total, false, "to the end of the response"},
    {"ms.queue", ExchangeField::ms_queue, false, "that the last attempt waited for a connection"},
    {"ms.connect", ExchangeField::ms_connect, false,
     "of that attempt: what making its connection took; absent = it was there"},
    {"ms.first_byte", ExchangeField::ms_first_byte, false, "to the head of the response"},
    {"attempts", ExchangeField::attempts, false,
     "how many were begun upstream, those that found no endpoint too"},
    {"retry_denied", ExchangeField::retry_denied, false,
     "what said no to another attempt, such as budget_exhausted"},
    {"cluster", ExchangeField::cluster, true, "its cluster"},
    {"endpoint", ExchangeField::endpoint, false, "of the last attempt"},
    {"reused", ExchangeField::reused, false,
     "true or false: the connection of the last attempt had served before"},
    {"request_id", ExchangeField::request_id, false, "see the filter `request_id`"},
    {"trace_id", ExchangeField::trace_id, false,
     "of the trace that it is a part of, recorded or not"},
    {"source", ExchangeField::source, true,
     "the client's address as far as `forwarded.trust` believes it, whole; the selector `source_ip` is "
     "the same, of IPv6 the /64"},
    {"peer_id", ExchangeField::peer_id, true,
     "of the client's certificate, verified: its URI or name"},
};

bool is_time(ExchangeField field) {
  return field >= ExchangeField::ms_total;
}

bool is_bytes(ExchangeField field) {
  return field == ExchangeField::bytes_in || field == ExchangeField::bytes_out;
}

std::string in_quotes(std::string_view text) {
  return '"' + std::string(text) + '"';
}

}  // namespace

std::optional<ExchangeField> exchange_field(std::string_view name) {
  for (const NamedField& each : fields)
    if (each.name == name) return each.field;
  return std::nullopt;
}

const std::vector<std::string_view>& exchange_field_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all;
    for (const NamedField& each : fields) all.push_back(each.name);
    return all;
  }();
  return names;
}

std::span<const NamedField> exchange_fields() {
  return fields;
}

// One token ahead; a mistake ends it.
class ExpressionParser {
 public:
  explicit ExpressionParser(std::string_view text) : rest_(text) {
    made_.text_ = text;
    advance();
  }

  ParsedExpression parse() {
    made_.nodes_.emplace_back();  // the whole
    const std::size_t whole = either(0);
    if (problem_.empty() && !token_.empty())
      fail(in_quotes(token_) + " stands where `and`, `or` or the end is expected");
    if (!problem_.empty()) return {nullptr, std::move(problem_)};
    made_.nodes_.front() = made_.nodes_[whole];
    return {std::make_shared<const Expression>(std::move(made_)), {}};
  }

 private:
  using Kind = Expression::Kind;
  using Comparison = Expression::Comparison;
  using Node = Expression::Node;

  void fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
    token_ = {};
    rest_ = {};
  }

  std::size_t add(Node node) {
    made_.nodes_.push_back(std::move(node));
    return made_.nodes_.size() - 1;
  }

  std::size_t either(int depth) {
    std::size_t left = both(depth);
    while (take("or")) left = add({Kind::either, left, both(depth)});
    return left;
  }

  std::size_t both(int depth) {
    std::size_t left = negated(depth);
    while (take("and")) left = add({Kind::both, left, negated(depth)});
    return left;
  }

  std::size_t negated(int depth) {
    if (depth > most_nested) {
      fail("it is nested too deep");
      return 0;
    }
    if (take("not")) return add({Kind::negated, negated(depth + 1)});
    if (!take("(")) return comparison();
    const std::size_t within = either(depth + 1);
    if (!take(")")) fail("a `)` is missing");
    return within;
  }

  std::size_t comparison() {
    if (token_.empty()) {
      fail("a field is missing, such as `status >= 500`");
      return 0;
    }
    const std::optional<ExchangeField> field = exchange_field(token_);
    if (!field) {
      fail("there is no field " + in_quotes(token_) + meant_or_known(token_, exchange_field_names()));
      return 0;
    }
    const std::string_view name = token_;
    advance();
    Node node{Kind::present};
    node.field = *field;
    constexpr std::pair<std::string_view, Comparison> signs[] = {
        {"==", Comparison::equal},    {"!=", Comparison::unequal}, {"<=", Comparison::at_most},
        {">=", Comparison::at_least}, {"<", Comparison::less},     {">", Comparison::more}};
    for (const auto& [sign, comparison] : signs) {
      if (is_quoted_ || token_ != sign) continue;
      advance();
      node.kind = Kind::compared;
      node.comparison = comparison;
      read_value(name, node);
      break;
    }
    if (!is_quoted_ && token_ == "=") fail("`=` compares nothing: write `==`");
    return add(std::move(node));
  }

  void read_value(std::string_view name, Node& node) {
    if (token_.empty() && !is_quoted_) return fail("a value is missing behind " + in_quotes(name));
    if (is_number(node.field))
      read_number(name, node);
    else
      read_text(name, node);
    advance();
  }

  void read_text(std::string_view name, Node& node) {
    if (node.comparison != Comparison::equal && node.comparison != Comparison::unequal)
      return fail(in_quotes(name) + " is a text: it is compared by == or !=");
    std::string_view text = token_;
    node.begins_open = text.starts_with('*');
    if (node.begins_open) text.remove_prefix(1);
    node.ends_open = text.ends_with('*');
    if (node.ends_open) text.remove_suffix(1);
    node.text = text;
  }

  void read_number(std::string_view name, Node& node) {
    const auto set = [&node](std::uint64_t value) {
      node.least = node.most = static_cast<std::int64_t>(value);
    };
    if (is_time(node.field)) {
      const Parsed<base::Millis> time = parse_duration(token_);
      if (!time.value) return fail(time.problem + time.instead);
      return set(static_cast<std::uint64_t>(time.value->count()) * 1000);
    }
    if (node.field == ExchangeField::reused) {
      if (token_ != "true" && token_ != "false") return fail("\"reused\" is true or false");
      return set(token_ == "true");
    }
    if (node.field == ExchangeField::status && token_.size() == 3 && token_.ends_with("xx") &&
        base::is_digit(token_[0])) {
      node.least = (token_[0] - '0') * 100;
      node.most = node.least + 99;
      return;
    }
    const Parsed<std::uint64_t> number = parse_integer(token_);
    if (number.value) return set(std::min<std::uint64_t>(*number.value, INT64_MAX));
    if (!is_bytes(node.field)) return fail(in_quotes(name) + " is a number: " + number.problem);
    const Parsed<std::uint64_t> size = parse_size(token_);
    if (!size.value) return fail(size.problem + size.instead);
    set(std::min<std::uint64_t>(*size.value, INT64_MAX));
  }

  bool take(std::string_view word) {
    if (is_quoted_ || token_ != word) return false;
    advance();
    return true;
  }

  void advance() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
    is_quoted_ = !rest_.empty() && (rest_[0] == '"' || rest_[0] == '\'');
    if (is_quoted_) {
      const std::size_t end = rest_.find(rest_[0], 1);
      if (end == rest_.npos) {
        is_quoted_ = false;
        return fail("a quotation mark is never closed");
      }
      token_ = rest_.substr(1, end - 1);
      return rest_.remove_prefix(end + 1);
    }
    constexpr std::string_view signs = "=!<>";
    std::size_t size = 0;
    if (!rest_.empty() && (rest_[0] == '(' || rest_[0] == ')'))
      size = 1;
    else if (!rest_.empty() && signs.find(rest_[0]) != signs.npos)
      size = rest_.size() > 1 && rest_[1] == '=' ? 2 : 1;
    else
      size = std::min(rest_.find_first_of(" \t()=!<>\"'"), rest_.size());
    token_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }

  Expression made_;
  std::string_view rest_;
  std::string_view token_;  // "" and not quoted = the end
  bool is_quoted_ = false;
  std::string problem_;
};

ParsedExpression parse_expression(std::string_view text) {
  if (text.size() > longest) return {nullptr, "it is longer than 4 KiB"};
  return ExpressionParser(text).parse();
}

std::vector<ExchangeField> Expression::fields() const {
  std::vector<ExchangeField> all;
  for (const Node& node : nodes_)
    if (node.kind == Kind::present || node.kind == Kind::compared) all.push_back(node.field);
  return all;
}

std::optional<ExchangeField> Expression::only_field() const {
  const Node& whole = nodes_.front();
  return whole.kind == Kind::present ? std::optional(whole.field) : std::nullopt;
}

bool Expression::holds(std::size_t number, const Described& exchange) const {
  const Node& node = nodes_[number];
  switch (node.kind) {
    case Kind::both:
      return holds(node.left, exchange) && holds(node.right, exchange);
    case Kind::either:
      return holds(node.left, exchange) || holds(node.right, exchange);
    case Kind::negated:
      return !holds(node.left, exchange);
    case Kind::present:
      return is_number(node.field) ? exchange.number(node.field) > 0
                                   : !exchange.text(node.field).empty();
    case Kind::compared:
      break;
  }
  return compares(node, exchange);
}

// What is absent equals nothing, and is neither more nor less.
bool Expression::compares(const Node& node, const Described& exchange) {
  if (!is_number(node.field))
    return compares_text(node, exchange.text(node.field)) == (node.comparison == Comparison::equal);
  const std::int64_t value = exchange.number(node.field);
  if (value < 0) return node.comparison == Comparison::unequal;
  switch (node.comparison) {
    case Comparison::equal:
      return value >= node.least && value <= node.most;
    case Comparison::unequal:
      return value < node.least || value > node.most;
    case Comparison::less:
      return value < node.least;
    case Comparison::at_most:
      return value <= node.most;
    case Comparison::more:
      return value > node.most;
    case Comparison::at_least:
      return value >= node.least;
  }
  return false;
}

bool Expression::compares_text(const Node& node, std::string_view text) {
  const std::string_view wanted = node.text;
  if (node.begins_open && node.ends_open) return text.find(wanted) != text.npos;
  if (node.begins_open) return text.ends_with(wanted);
  return node.ends_open ? text.starts_with(wanted) : text == wanted;
}

}  // namespace config
