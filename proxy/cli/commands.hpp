// What each command of the command line does, its words already told apart. Standard output is for
// what was asked for, standard error for what is wrong. Each returns the exit status.
#pragma once

#include "proxy/cli/command.hpp"

namespace cli {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int misused = 2;

int misuse(const std::string& what);  // says so

int run(const Call& call);    // FILE, and the app's command, if any
int check(const Call& call);  // FILE, or - for standard input
int defaults(const Call& call);
int schema(const Call& call);
int explain(const Call& call);  // METHOD URL FILE
int simulate(const Call& call);  // FILE
int certs(const Call& call);    // DIR NAME...
int completion(const Call& call);
int version(const Call& call);

}  // namespace cli
