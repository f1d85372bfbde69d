// `retry_on`, `failures`, `when`: which outcomes a policy means. Reasons are the proxy's own,
// statuses are matched only against answers that came from upstream. Pure once read.
#pragma once

#include "config/fields.hpp"
#include "proxy/base/error.hpp"

#include <bitset>
#include <initializer_list>
#include <string_view>

namespace config {

class Conditions {
 public:
  Conditions() = default;
  // Each as it is written in a file; for defaults, which a test reads.
  Conditions(std::initializer_list<std::string_view> texts);

  // What is wrong with the text; "" = nothing, it was added.
  std::string add(std::string_view text);

  void remove(base::Reason reason) { reasons_.reset(static_cast<std::size_t>(reason)); }

  bool matches(base::Reason reason) const { return reasons_[static_cast<std::size_t>(reason)]; }
  bool matches_status(int status) const {
    return status >= 0 && status < 600 && statuses_[static_cast<std::size_t>(status)];
  }

 private:
  std::bitset<base::reason_count> reasons_;
  std::bitset<600> statuses_;
};

// A list of conditions; `never`: reasons that may not stand in it, and that a group which holds one
// of them does not mean there.
void read_conditions(const Node& node, const Context& context,
                     const std::vector<base::Reason>& never, Conditions& into,
                     std::string_view why = "is never retried");

}  // namespace config
