// What is asked of an exchange, by `access_log.when`, `outrider tap` and `key`:
//
//   cluster == orders and (status >= 500 or ms.total > 1s) and not method == HEAD
//
// A field stands alone (it is there, and not 0), or is compared: == != < <= > >=. The value is a
// word or a quoted text, in which a `*` at either end stands for any; `5xx` for a status; a
// duration for a time; a size for bytes. The fields are those of the access log. Immutable; any
// thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace config {

enum class ExchangeField : std::uint8_t {
  listener,
  direction,
  route,
  method,
  host,
  path,
  protocol,
  reason,
  retry_denied,
  cluster,
  endpoint,
  request_id,
  trace_id,
  source,
  peer_id,
  status,  // from here on numbers; times in microseconds
  grpc_status,
  attempts,
  reused,
  bytes_in,
  bytes_out,
  ms_total,
  ms_queue,
  ms_connect,
  ms_first_byte,
};
constexpr bool is_number(ExchangeField field) {
  return field >= ExchangeField::status;
}

struct NamedField {
  std::string_view name;
  ExchangeField field;
  bool is_asked_first;  // known before the request was answered: it may stand in a `key`
  std::string_view doc;
};
std::span<const NamedField> exchange_fields();  // in the order of the access log
std::optional<ExchangeField> exchange_field(std::string_view name);
// In the order of the access log.
const std::vector<std::string_view>& exchange_field_names();

// An exchange as it is asked.
class Described {
 public:
  virtual std::string_view text(ExchangeField field) const = 0;  // "" = absent
  virtual std::int64_t number(ExchangeField field) const = 0;    // -1 = absent

 protected:
  ~Described() = default;
};

class Expression {
 public:
  bool holds_for(const Described& exchange) const { return holds(0, exchange); }
  const std::string& text() const { return text_; }
  // That it asks for, each as often as it does.
  std::vector<ExchangeField> fields() const;
  // All that it is: a field that stands alone.
  std::optional<ExchangeField> only_field() const;
  bool operator==(const Expression& other) const { return text_ == other.text_; }

 private:
  friend class ExpressionParser;
  enum class Kind : std::uint8_t { both, either, negated, present, compared };
  enum class Comparison : std::uint8_t { equal, unequal, less, at_most, more, at_least };
  struct Node {
    Kind kind;
    std::size_t left = 0, right = 0;  // of both, either; left of negated
    ExchangeField field{};
    Comparison comparison{};
    std::string text{};  // of a text field
    bool begins_open = false, ends_open = false;
    std::int64_t least = 0, most = 0;  // of a number; equal, or a class of statuses
  };

  bool holds(std::size_t node, const Described& exchange) const;
  static bool compares(const Node& node, const Described& exchange);
  static bool compares_text(const Node& node, std::string_view text);

  std::string text_;
  std::vector<Node> nodes_;  // the first is the whole
};

struct ParsedExpression {
  std::shared_ptr<const Expression> value;  // null = it is none
  std::string problem;                      // why, and what to write
};

ParsedExpression parse_expression(std::string_view text);

}  // namespace config
