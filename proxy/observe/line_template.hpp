// What a line of the access log says, as the configuration asks: texts with `{field}` between, or
// the members of a JSON object. Immutable; any thread.
#pragma once

#include "config/expression.hpp"
#include "proxy/observe/access_log.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace observe {

class LineTemplate {
 public:
  // "{method} {path} {status}": a field that is absent is `-`, and none holds a blank or a
  // quotation mark. Names are known to be fields.
  static LineTemplate of_text(std::string_view text);
  // An object with these members in this order; what is absent is left out.
  static LineTemplate of_fields(const std::vector<std::string>& fields);

  // One line with its newline. `timestamp` is RFC 3339.
  void append(std::string& out, const http::StreamInfo& info, const AccessRecord& record,
              std::string_view timestamp) const;

 private:
  struct Part {
    std::string literal;  // a text, or the name of a member
    bool is_field = false;
    std::optional<config::ExchangeField> field{};  // none: the timestamp
  };

  bool is_json_ = false;
  std::vector<Part> parts_;
};

}  // namespace observe
