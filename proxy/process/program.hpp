// Starts another program as a child of this process. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace process {

struct Program {
  std::vector<std::string> command;      // looked up in PATH unless it has a slash
  std::vector<std::string> environment;  // NAME=value
  int handed_over = -1;                  // a descriptor that it finds as number 3; -1 = none
  // Of descriptors: the one that this process found, and raised for itself.
  bool has_limit_of_start = false;
  // In a group of its own: what a terminal sends (Ctrl-C) comes to this process, which tells it in
  // its own time; what a terminal would let it read is nothing. Gets SIGTERM should the thread that
  // starts it be gone, whatever became of that.
  bool stands_alone = false;
};

struct Started {
  pid_t child = -1;
  std::string problem;  // in the operating system's words; "" = it runs
};

// It has this process's standard input, output and error and working folder, no other descriptor,
// and its signals are as a shell would leave them.
Started start(const Program& program);

// This process's environment without those variables.
std::vector<std::string> environment_without(const std::vector<std::string_view>& names);

}  // namespace process
