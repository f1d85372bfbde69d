#include "proxy/base/control_groups.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

class Groups {
 public:
  Groups() : root_("/tmp/outrider-cgroups." + std::to_string(getpid())) {}
  ~Groups() { std::filesystem::remove_all(root_); }
  void write(const std::string& path, const std::string& text) const {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  base::ControlGroups now() const { return base::ControlGroups(root_ + "/fs", root_ + "/own"); }

 private:
  std::string root_;
};

}  // namespace

TEST_CASE("control groups: the least memory counts, in both versions, and of groups above as well") {
  Groups groups;
  CHECK_FALSE(groups.now().memory());
  groups.write("/fs/memory.max", "max\n");
  CHECK_FALSE(groups.now().memory());
  groups.write("/own", "9:name=systemd:/\n4:memory:/pods/a\n0::/slice/unit\n");
  groups.write("/fs/memory/pods/a/memory.limit_in_bytes", "3000000\n");
  CHECK(groups.now().memory() == 3'000'000);
  groups.write("/fs/slice/unit/memory.max", "2000000\n");
  CHECK(groups.now().memory() == 2'000'000);
  groups.write("/fs/slice/memory.max", "1500000\n");
  CHECK(groups.now().memory() == 1'500'000);
  groups.write("/fs/memory.max", "1000000\n");
  CHECK(groups.now().memory() == 1'000'000);
}

TEST_CASE("control groups: the least quota of CPUs counts likewise") {
  Groups groups;
  CHECK_FALSE(groups.now().cpus());
  groups.write("/own", "4:cpuacct,cpu:/pods/a\n5:cpuset:/other\n0::/slice/unit\n");
  groups.write("/fs/cpu.max", "max 100000\n");
  groups.write("/fs/cpu/cpu.cfs_quota_us", "-1\n");
  groups.write("/fs/cpu/cpu.cfs_period_us", "100000\n");
  groups.write("/fs/cpu/other/cpu.cfs_quota_us", "1\n");
  groups.write("/fs/cpu/other/cpu.cfs_period_us", "100000\n");
  CHECK_FALSE(groups.now().cpus());
  groups.write("/fs/cpu/pods/cpu.cfs_quota_us", "400000\n");
  groups.write("/fs/cpu/pods/cpu.cfs_period_us", "100000\n");
  CHECK(groups.now().cpus() == 4.0);
  groups.write("/fs/slice/unit/cpu.max", "150000 100000\n");
  CHECK(groups.now().cpus() == 1.5);
  groups.write("/fs/cpu.max", "50000 100000\n");
  CHECK(groups.now().cpus() == 0.5);
}
