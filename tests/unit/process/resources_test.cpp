#include "proxy/process/resources.hpp"

#include <doctest/doctest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using process::connections_within;
using process::descriptor_problem;

// In a child, as what is given up of the hard limit does not come back.
bool is_refused_with(rlim_t descriptors, std::size_t wanted) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{descriptors, descriptors};
    const bool is_set = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
    const bool is_refused = !descriptor_problem(wanted, process::raise_descriptor_limit()).empty();
    ::_exit(is_set && is_refused ? 1 : 0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status) == 1;
}

}  // namespace

TEST_CASE("process: descriptors for under 1000 connections are an error, with the remedy") {
  const std::string problem = descriptor_problem(10'000, 1024);
  for (const char* text : {"only 1024 descriptors", "enough for 16 connections", "ulimit -n 65536",
                           "LimitNOFILE=65536", "limits.connections to at most 16"})
    CHECK_MESSAGE(problem.find(text) != problem.npos, problem);
  CHECK(connections_within(3023) == 999);
  CHECK_FALSE(descriptor_problem(10'000, 3023).empty());
  CHECK_FALSE(descriptor_problem(1'000, 3023).empty());
}

TEST_CASE("process: so few descriptors will do if no more connections are asked for") {
  CHECK(descriptor_problem(10'000, 3024).empty());
  CHECK(descriptor_problem(999, 3023).empty());
  CHECK(descriptor_problem(16, 1024).empty());
  CHECK_FALSE(descriptor_problem(17, 1024).empty());
}

TEST_CASE("process: it is the hard limit of descriptors that counts") {
  CHECK(is_refused_with(512, 10'000));
  CHECK_FALSE(is_refused_with(512, 16));
}
