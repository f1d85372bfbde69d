#include "proxy/server/process.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>

namespace server {
namespace {

const auto started = std::chrono::system_clock::now();

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
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

std::size_t connections_for(std::size_t descriptors) {
  return std::max<std::size_t>(16, std::max<std::size_t>(descriptors / 2, 512) - 512);
}

std::string process_metrics() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double begun = std::chrono::duration<double>(started.time_since_epoch()).count();
  char text[1024];
  const int size = std::snprintf(
      text, sizeof text,
      "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total %.3f\n"
      "# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes %zu\n"
      "# TYPE process_open_fds gauge\nprocess_open_fds %zu\n"
      "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
      seconds(usage.ru_utime) + seconds(usage.ru_stime), resident_bytes(), open_descriptors(),
      begun);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace server
