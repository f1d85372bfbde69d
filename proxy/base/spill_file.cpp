#include "proxy/base/spill_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace base {
namespace {

int open_without_name() {
  const char* set = ::secure_getenv("TMPDIR");
  const std::string folder = set && *set ? set : "/tmp";
  const int unnamed = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
  if (unnamed >= 0) return unnamed;
  std::string name = folder + "/outrider-XXXXXX";  // a file system that cannot
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

}  // namespace

SpillFile::~SpillFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool SpillFile::append(std::string_view bytes) {
  if (descriptor_ < 0) descriptor_ = open_without_name();
  if (descriptor_ < 0) return false;
  while (!bytes.empty()) {
    const ssize_t written =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    size_ += static_cast<std::uint64_t>(written);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::optional<Bytes> SpillFile::read(std::uint64_t offset) const {
  ReadBlock& block = ReadBlock::of_this_thread();
  const auto most = std::min<std::uint64_t>(size_ - offset, ReadBlock::capacity);
  for (;;) {
    const ssize_t count = ::pread(descriptor_, block.prepare(), static_cast<std::size_t>(most),
                                  static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::nullopt;
    return block.commit(static_cast<std::size_t>(count));
  }
}

}  // namespace base
