// Where the lines of a log go: a file that is appended to, a FIFO, standard output or standard
// error. One thread at a time.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"

#include <string>
#include <string_view>

namespace base {

class LogFile {
 public:
  // to: "stdout", "stderr" or a path. Does not wait: a FIFO may have no reader yet. The error's
  // cause says what is wrong.
  static Result<LogFile> open(std::string to);
  // Of somebody else; not closed.
  explicit LogFile(int descriptor) : descriptor_(descriptor) {}
  LogFile(LogFile&& other) noexcept;
  LogFile& operator=(LogFile&& other) noexcept;
  ~LogFile();

  const std::string& name() const { return name_; }  // as it was given to open()
  // Of a path: it can be opened again.
  bool is_owned() const { return is_owned_; }

  // Whether write() takes something now, or within that time.
  bool is_ready(Millis within = Millis{0}) const;
  // Once it is ready, what it takes without waiting for its reader: how many bytes; or why none.
  Result<std::size_t> write(std::string_view text);

 private:
  LogFile(std::string name, int descriptor);

  std::string name_;
  int descriptor_;
  bool is_owned_ = false;
};

}  // namespace base
