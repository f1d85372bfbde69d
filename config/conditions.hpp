// `retry_on`, `failures`, `when`: which outcomes a policy means. Reasons are the proxy's own,
// statuses, HTTP's and gRPC's, are matched only against answers that came from upstream. Pure once
// read.
#pragma once

#include "config/fields.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/grpc_status.hpp"

#include <bitset>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace config {

class Conditions {
 public:
  Conditions() = default;
  // Each as it is written in a file; for defaults, which a test reads.
  Conditions(std::initializer_list<std::string_view> texts);

  // What is wrong with the text; "" = nothing, it was added.
  std::string add(std::string_view text);

  const std::vector<std::string>& texts() const { return texts_; }  // as they were added
  void remove(base::Reason reason) { reasons_.reset(static_cast<std::size_t>(reason)); }

  bool matches(base::Reason reason) const { return reasons_[static_cast<std::size_t>(reason)]; }
  bool matches_grpc(int status) const {
    return status >= 0 && status < base::grpc_status_count &&
           grpc_[static_cast<std::size_t>(status)];
  }
  bool matches_status(int status) const {
    return status >= 0 && status < 600 && statuses_[static_cast<std::size_t>(status)];
  }

 private:
  std::string set(std::string_view text);
  std::string set_grpc(std::string_view name);

  std::bitset<base::reason_count> reasons_;
  std::bitset<600> statuses_;
  std::bitset<base::grpc_status_count> grpc_;
  std::vector<std::string> texts_;
};

// Reads a list of conditions. To name a reason of `never` is a mistake, and `why` tells it; to
// name a group that has it, such as `timeout`, is none: the group counts without that reason.
void read_conditions(const Node& node, const Reading& reading,
                     const std::vector<base::Reason>& never, Conditions& into,
                     std::string_view why = "is never retried");

}  // namespace config
