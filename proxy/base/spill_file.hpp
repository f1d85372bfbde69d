// A file without a name, for bytes that would be too many for memory: gone with its object. What it
// does waits for the disk, and is for an executor. One append at a time, by any thread; what was
// appended may be read meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace base {

class SpillFile {
 public:
  // In $TMPDIR or /tmp; it is there from the first append on.
  SpillFile();
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  // At the end. False: there is no room, it takes no more; what was appended before stays.
  bool append(std::string_view bytes);
  // What begins at `offset`, at most so much; nothing if it cannot be read.
  std::optional<std::string> read(std::uint64_t offset, std::size_t most) const;

 private:
  const std::string folder_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace base
