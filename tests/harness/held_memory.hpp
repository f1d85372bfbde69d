// Blocks that count as memory in use while this lives. Hardly any of it is touched: a gigabyte that
// is written takes a minute under a sanitizer.
#pragma once

#include "proxy/base/bytes.hpp"

#include <cstddef>
#include <vector>

namespace harness {

class HeldMemory {
 public:
  explicit HeldMemory(std::size_t bytes) {
    base::ReadBlock reader;
    for (std::size_t held = 0; held < bytes; held += base::ReadBlock::capacity) {
      reader.prepare();
      blocks_.push_back(reader.commit(1));
    }
  }
  void release() { blocks_.clear(); }

 private:
  std::vector<base::Bytes> blocks_;
};

}  // namespace harness
