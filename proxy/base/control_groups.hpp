// What the process's control groups let it have, in either version: the least of its own group, of
// those above it, and of the root as it is seen from here (in a container, its own). Reads files;
// any thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace base {

class ControlGroups {
 public:
  // `root` and `own` are for tests.
  explicit ControlGroups(const std::string& root = "/sys/fs/cgroup",
                         const std::string& own = "/proc/self/cgroup");

  std::optional<std::size_t> memory() const { return memory_; }  // bytes; none = no limit
  std::optional<double> cpus() const { return cpus_; }           // none = no quota

 private:
  void look_at(const std::string& folder);
  void look_at_v1(const std::string& folder, const std::string& controller);

  std::optional<std::size_t> memory_;
  std::optional<double> cpus_;
};

}  // namespace base
