// Where the lines of a log go: a file that is appended to, a FIFO, standard output or standard
// error. Opened again, so that it can be rotated. One thread at a time.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/time.hpp"

#include <boost/system/error_code.hpp>

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
  // Opens the path anew; if that fails, the old one stays.
  boost::system::error_code reopen();

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
