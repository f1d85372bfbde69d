// What each command of the command line does, its words already told apart. Standard output is for
// what was asked for, standard error for what is wrong. Each returns the exit status.
#pragma once

#include <string>
#include <vector>

namespace commands {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int misused = 2;

int run(const std::vector<std::string>& words);    // FILE, and the app's command, if any
int check(const std::vector<std::string>& words);  // FILE, or - for standard input
int defaults(const std::vector<std::string>& words);
int certs(const std::vector<std::string>& words);  // DIR NAME...
int version(const std::vector<std::string>& words);

}  // namespace commands
