// What is lost on its way out of the process, told by its cause: the first of each at once, then at most
// once a minute, with how many it was. Bounded: what has one cause too many is told with the last. One
// thread.
#pragma once

#include "proxy/base/time.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace process {

class Losses {
 public:
  using Say = std::function<void(const std::string& why, std::uint64_t count)>;

  // count: 0 = none yet, and some will be unless that changes.
  void add(std::uint64_t count, const std::string& why);
  void tell(base::Time now, const Say& say);
  void tell_rest(const Say& say);  // nothing more will be lost

 private:
  static constexpr std::size_t most_causes = 8;
  struct Cause {
    std::string why;
    std::uint64_t untold = 0;
    bool is_untold = false;
    base::Time next = base::Time::min();  // it is told, at the earliest
  };
  std::vector<Cause> causes_;
};

}  // namespace process
