#include "proxy/process/resources.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <dirent.h>
#include <fstream>
#include <sys/resource.h>
#include <unistd.h>

namespace process {
namespace {

constexpr std::size_t least_connections = 1000;

const auto started = std::chrono::system_clock::now();

rlimit descriptor_limits() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) limit = {1024, 1024};
  return limit;
}

const rlim_t soft_limit_at_start = descriptor_limits().rlim_cur;

struct Memory {
  std::size_t address_space = 0;
  std::size_t resident = 0;
};

Memory memory_of_process() {
  std::ifstream file("/proc/self/statm");
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  Memory pages;
  file >> pages.address_space >> pages.resident;
  return {pages.address_space * page, pages.resident * page};
}

std::string decimal(double value) {
  char digits[64];
  const int size = std::snprintf(digits, sizeof digits, "%.3f", value);
  return std::string(digits, static_cast<std::size_t>(size));
}

// One metric with what Prometheus wants to know of it.
void append(std::string& out, const char* name, const char* type, const char* help,
            const std::string& value) {
  out.append("# HELP process_").append(name).append(" ").append(help);
  out.append("\n# TYPE process_").append(name).append(" ").append(type);
  out.append("\nprocess_").append(name).append(" ").append(value).append("\n");
}

std::size_t open_descriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (!directory) return 0;
  std::size_t count = 0;
  while (readdir(directory)) ++count;
  closedir(directory);
  return count > 3 ? count - 3 : 0;  // ".", ".." and the directory itself
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    rlimit raised = limit;
    raised.rlim_cur = raised.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

std::size_t descriptor_limit_at_start() {
  return static_cast<std::size_t>(soft_limit_at_start);
}

std::size_t connections_within(std::size_t descriptors) {
  return std::max<std::size_t>(16, std::max<std::size_t>(descriptors / 2, 512) - 512);
}

std::string descriptor_problem(std::size_t wanted, std::size_t descriptors) {
  const std::size_t possible = connections_within(descriptors);
  if (possible >= least_connections || possible >= wanted) return {};
  return "only " + std::to_string(descriptors) + " descriptors may be open, which is enough for " +
         std::to_string(possible) +
         " connections: raise the limit to 65536 (`ulimit -n 65536` in a shell, "
         "LimitNOFILE=65536 in a systemd unit, `--ulimit nofile=65536` for a container), or set "
         "limits.connections to at most " +
         std::to_string(possible);
}

std::string process_metrics() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double begun = std::chrono::duration<double>(started.time_since_epoch()).count();
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const Memory memory = memory_of_process();
  std::string out;
  append(out, "cpu_seconds_total", "counter", "User and system time.",
         decimal(seconds(usage.ru_utime) + seconds(usage.ru_stime)));
  append(out, "open_fds", "gauge", "Open descriptors.", std::to_string(open_descriptors()));
  append(out, "max_fds", "gauge", "Descriptors that may be open.", std::to_string(limit.rlim_cur));
  append(out, "resident_memory_bytes", "gauge", "Resident memory.",
         std::to_string(memory.resident));
  append(out, "virtual_memory_bytes", "gauge", "Address space.",
         std::to_string(memory.address_space));
  append(out, "start_time_seconds", "gauge", "When it began, since 1970.", decimal(begun));
  return out;
}

}  // namespace process
