#include "proxy/observe/access_log.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace observe {
namespace {

constexpr base::Millis gather{10};              // lines that come within this go out in one write
constexpr base::Millis longest_goodbye{1'000};  // for a destination that takes nothing, at the end

// A pipe that is ready takes so much without blocking (POSIX); a file takes all.
constexpr std::size_t pipe_write = PIPE_BUF;
constexpr std::size_t file_write = 1024 * 1024;

std::size_t size_of_one_write(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) ? file_write : pipe_write;
}

int open_destination(const std::string& path) {
  if (path == "stdout") return STDOUT_FILENO;
  if (path == "stderr") return STDERR_FILENO;
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

// RFC 3339, with room for milliseconds.
std::string text_of(std::time_t second) {
  std::tm parts{};
  gmtime_r(&second, &parts);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts));
}

}  // namespace

base::Result<std::unique_ptr<AccessLog>> AccessLog::open(std::string path, Format format,
                                                         int workers) {
  const int descriptor = open_destination(path);
  if (descriptor < 0)
    return base::Error{base::Reason::internal,
                       base::Fault::proxy,
                       "cannot open the access log",
                       {errno, boost::system::system_category()}};
  return std::unique_ptr<AccessLog>(new AccessLog(std::move(path), descriptor, format, workers));
}

AccessLog::AccessLog(std::string path, int descriptor, Format format, int workers)
    : path_(std::move(path)), descriptor_(descriptor), format_(format) {
  for (int i = 0; i < workers; ++i) queues_.emplace_back(new Queue(*this));
  writer_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  woken_.notify_one();
  writer_.join();
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
}

void AccessLog::wake() {
  {
    const std::lock_guard lock(mutex_);
    is_work_ = true;
  }
  woken_.notify_one();
}

void AccessLog::reopen() {
  is_reopen_wanted_.store(true);
  wake();
}

void AccessLog::run() {
  for (;;) {
    bool is_last = false;
    {
      std::unique_lock lock(mutex_);
      woken_.wait(lock, [this] { return is_work_ || is_ending_; });
      is_last = woken_.wait_for(lock, gather, [this] { return is_ending_; });
      is_work_ = false;
    }
    write_all();
    if (is_last) return;
  }
}

void AccessLog::write_all() {
  if (is_reopen_wanted_.exchange(false) && descriptor_ > STDERR_FILENO) {
    const int fresh = open_destination(path_);
    if (fresh >= 0) ::close(std::exchange(descriptor_, fresh));
  }
  std::string text;
  for (const std::unique_ptr<Queue>& queue : queues_) {
    {
      const std::lock_guard lock(queue->mutex_);
      text.swap(queue->waiting_);
    }
    write_out(text);
    waiting_bytes_.fetch_sub(text.size(), std::memory_order_relaxed);
    text = std::string();
  }
}

// The destination may be a pipe that nobody reads: only this thread waits for it.
void AccessLog::write_out(std::string_view text) {
  base::Time give_up = base::never;
  const std::size_t one_write = text.empty() ? 0 : size_of_one_write(descriptor_);
  while (!text.empty()) {
    pollfd writable{descriptor_, POLLOUT, 0};
    if (::poll(&writable, 1, 100) > 0) {
      const ssize_t count = ::write(descriptor_, text.data(), std::min(text.size(), one_write));
      if (count > 0) text.remove_prefix(static_cast<std::size_t>(count));
      if (count > 0 || errno == EINTR || errno == EAGAIN) continue;
      return drop(text);
    }
    const base::Time now = base::Clock::now();
    const std::lock_guard lock(mutex_);
    if (is_ending_ && give_up == base::never) give_up = now + longest_goodbye;
    if (now < give_up) continue;
    return drop(text);
  }
}

void AccessLog::drop(std::string_view text) {
  const auto lines = std::count(text.begin(), text.end(), '\n');
  dropped_.fetch_add(static_cast<std::uint64_t>(lines), std::memory_order_relaxed);
}

std::string_view AccessLog::Queue::timestamp(base::Time time) {
  if (time - std::chrono::seconds{1} > anchor_ || anchor_ == base::Time::min()) {
    anchor_ = base::Clock::now();
    anchor_wall_ = std::chrono::system_clock::now();
  }
  const auto wall = std::chrono::floor<base::Millis>(
      anchor_wall_ +
      std::chrono::duration_cast<std::chrono::system_clock::duration>(time - anchor_));
  const auto second = std::chrono::floor<std::chrono::seconds>(wall);
  if (second != written_second_ || stamp_.empty()) {
    written_second_ = second;
    stamp_ = text_of(std::chrono::system_clock::to_time_t(second));
  }
  auto rest = static_cast<int>((wall - second).count());
  for (std::size_t place = stamp_.size() - 2; stamp_[place] != '.'; --place, rest /= 10)
    stamp_[place] = static_cast<char>('0' + rest % 10);
  return stamp_;
}

void AccessLog::Queue::write(http::StreamInfo& info, const AccessRecord& record) {
  line_.clear();
  if (log_.format_ == Format::json)
    append_json_line(line_, info, record, timestamp(info.started));
  else
    append_text_line(line_, info, record, timestamp(info.started));
  if (log_.waiting_bytes_.fetch_add(line_.size(), std::memory_order_relaxed) + line_.size() >
      most_waiting) {
    log_.waiting_bytes_.fetch_sub(line_.size(), std::memory_order_relaxed);
    log_.dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  bool is_first = false;
  {
    const std::lock_guard lock(mutex_);
    is_first = waiting_.empty();
    waiting_.append(line_);
  }
  if (is_first) log_.wake();
}

}  // namespace observe
