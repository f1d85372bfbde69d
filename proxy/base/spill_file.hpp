// A file without a name, for bytes that would be too many for memory: gone with its object. Writes
// and reads are the page cache's, and are not waited for. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/bytes.hpp"

namespace base {

class SpillFile {
 public:
  SpillFile() = default;
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  // At the end; the file is made with the first. False: there is no room, the file is of no use.
  bool append(std::string_view bytes);
  // What begins at `offset`, up to one read block; nothing if it cannot be read.
  std::optional<Bytes> read(std::uint64_t offset) const;
  std::uint64_t size() const { return size_; }

 private:
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace base
