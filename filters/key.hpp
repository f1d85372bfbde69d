// By what a filter tells requests apart: a selector, or an expression (of a field its text, else
// whether it holds), or several together. Read from `key`; empty:
// all requests are alike. A value, immutable; any thread.
#pragma once

#include "config/expression.hpp"
#include "config/fields.hpp"
#include "proxy/http/selector.hpp"

#include <string>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace filters {

class Key {
 public:
  // What is wrong with the text; "" = nothing, it was added.
  std::string add(std::string_view text);

  bool is_empty() const { return parts_.empty(); }
  bool needs_route() const;
  const std::vector<std::string>& texts() const { return texts_; }

  // Bytes that are the same for requests that belong together; at most some hundred. `room` is
  // where they are put together if they have to be. Requests that lack what is asked for are alike.
  std::string_view of(const http::Request& request, std::string& room) const;

 private:
  // One of the two.
  struct Part {
    std::optional<http::Selector> selector{};
    std::shared_ptr<const config::Expression> expression{};

    bool needs_route() const;
    std::string_view of(const http::Request& request, std::string& room) const;
  };

  std::vector<Part> parts_;
  std::vector<std::string> texts_;
};

void read_key(const config::Node& node, const config::Reading& reading, Key& into);
config::NodePtr write_key(const Key& key);

template <typename Struct>
config::Field<Struct> key_field(Key Struct::*member, std::string_view doc) {
  return {"key",
          "a selector, an expression or a list of them",
          "",
          doc,
          [=](const config::Node& node, const config::Reading& reading, Struct& into) {
            read_key(node, reading, into.*member);
          },
          [=](const Struct& value) { return write_key(value.*member); }};
}

}  // namespace filters
