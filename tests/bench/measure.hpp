// Runs something many times and prints nanoseconds of CPU and, where the kernel lets us count them,
// instructions for each. Header only; one thread.
#pragma once

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <ctime>
#include <string_view>

namespace bench {

class Counter {
 public:
  Counter() {
    perf_event_attr wanted{};
    wanted.size = sizeof wanted;
    wanted.type = PERF_TYPE_HARDWARE;
    wanted.config = PERF_COUNT_HW_INSTRUCTIONS;
    wanted.exclude_kernel = 1;
    wanted.exclude_hv = 1;
    descriptor_ = static_cast<int>(syscall(SYS_perf_event_open, &wanted, 0, -1, -1, 0));
  }
  ~Counter() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Counter(const Counter&) = delete;
  Counter& operator=(const Counter&) = delete;

  std::uint64_t instructions() const {
    std::uint64_t count = 0;
    if (descriptor_ < 0 || ::read(descriptor_, &count, sizeof count) != sizeof count) return 0;
    return count;
  }
  static double cpu_nanoseconds() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
  }

 private:
  int descriptor_;
};

// The best of five runs.
template <typename Work>
double measure(std::string_view name, std::uint64_t times, Work work) {
  const Counter counter;
  double least_time = 1e18;
  double least_count = 1e18;
  for (int run = 0; run < 5; ++run) {
    const double begun = Counter::cpu_nanoseconds();
    const std::uint64_t counted = counter.instructions();
    for (std::uint64_t i = 0; i < times; ++i) work(i);
    const auto count = static_cast<double>(counter.instructions() - counted);
    const double time = Counter::cpu_nanoseconds() - begun;
    least_time = time < least_time ? time : least_time;
    least_count = count < least_count ? count : least_count;
  }
  const auto each = static_cast<double>(times);
  std::printf("%-44.*s %9.1f ns", static_cast<int>(name.size()), name.data(), least_time / each);
  if (least_count > 0) std::printf(" %9.0f instructions", least_count / each);
  std::printf("\n");
  return least_time / each;
}

}  // namespace bench
