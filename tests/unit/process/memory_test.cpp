#include "proxy/process/memory.hpp"

#include "proxy/base/bytes.hpp"

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
  std::optional<std::size_t> limit() const {
    return process::cgroup_memory(root_ + "/fs", root_ + "/own");
  }

 private:
  std::string root_;
};

}  // namespace

TEST_CASE("memory: the least limit of the process's control groups counts, in both versions") {
  Groups groups;
  CHECK_FALSE(groups.limit());
  groups.write("/fs/memory.max", "max\n");
  CHECK_FALSE(groups.limit());
  groups.write("/own", "9:name=systemd:/\n4:memory:/pods/a\n0::/slice/unit\n");
  groups.write("/fs/memory/pods/a/memory.limit_in_bytes", "3000000\n");
  CHECK(groups.limit() == 3'000'000);
  groups.write("/fs/slice/unit/memory.max", "2000000\n");
  CHECK(groups.limit() == 2'000'000);
  groups.write("/fs/memory.max", "1000000\n");
  CHECK(groups.limit() == 1'000'000);
}

TEST_CASE("memory: blocks in use count to the byte") {
  process::MemoryUse use(1'000'000'000);
  const std::size_t before = use.look(base::Time{});
  const base::Bytes block = base::Bytes::copy_of(std::string(64 * 1024 * 1024, 'x'));
  CHECK(use.look(base::Time{}) >= before + block.size() / 2);
}
