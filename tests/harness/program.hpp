// A program as a child process of the test: its words, what it says, and how it ends. Killed if it
// still runs, and with it what it started and left behind. One thread, which outlives it.
#pragma once

#include "proxy/base/address.hpp"
#include "tests/harness/socket.hpp"

#include <string>
#include <string_view>
#include <sys/types.h>
#include <utility>
#include <vector>

namespace harness {

class Program {
 public:
  // environment: NAME=value, beside the test's own; descriptors: it finds them as 3, 4 ...
  explicit Program(std::vector<std::string> words, std::vector<std::string> environment = {},
                   const std::vector<int>& descriptors = {});
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  pid_t id() const { return id_; }
  void signal(int number) const;
  // Reads what it and its children say until that has come; all of it so far. Throws Silence.
  const std::string& wait_for(std::string_view text);
  // Reads more of it. Throws Silence if nothing comes.
  void wait_for_more();
  // What stands between that, once it has been said, and the next blank, comma or end of line.
  std::string word_behind(std::string_view text);
  const std::string& said() const { return said_; }
  // Until it has ended: its exit status, 128 + n after signal n. Throws Silence.
  int wait();

 private:
  bool read_some();

  pid_t id_ = -1;     // -1 = it has ended
  pid_t group_ = -1;  // of it and of those that it started
  int output_ = -1;
  std::string said_;
};

// The binary that is tested, with a configuration in a file of its own.
class Outrider {
 public:
  // more: words behind the file.
  explicit Outrider(const std::string& yaml, const std::vector<std::string>& more = {},
                    std::vector<std::string> environment = {},
                    const std::vector<int>& descriptors = {});
  ~Outrider();

  Program* operator->() { return &program_; }
  const std::string& file() const { return file_; }
  void write(const std::string& yaml) const;
  // As it says them.
  base::Address address(const std::string& listener = "egress");
  base::Address admin();

 private:
  const std::string file_;
  Program program_;
};

// Outrider's binary.
std::string outrider_binary();

}  // namespace harness
