#include "proxy/observe/access_log.hpp"

#include "proxy/base/system_cause.hpp"
#include "proxy/observe/described_exchange.hpp"
#include "proxy/observe/line_template.hpp"

#include <algorithm>
#include <ctime>
#include <utility>

namespace observe {
namespace {

constexpr base::Millis gather{10};              // lines that come within this go out in one write
constexpr base::Millis patience{100};           // with a full pipe, before orders are looked at
constexpr base::Millis longest_goodbye{1'000};  // for a destination that takes nothing, at the end

// RFC 3339, with room for milliseconds.
std::string text_of(std::time_t second) {
  std::tm parts{};
  gmtime_r(&second, &parts);
  char text[40];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S.000Z", &parts));
}

bool is_same_host(const base::Address& a, const base::Address& b) {
  return a.family() == b.family() && a.path() == b.path() &&
         std::equal(a.bytes(), a.bytes() + 16, b.bytes());
}

std::uint64_t lines_in(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

base::Result<std::unique_ptr<AccessLog>> AccessLog::open(std::string to, Format format,
                                                         int workers, LineRules rules) {
  const bool is_file = Syslog::path_in(to).empty();
  base::Result<base::LogFile> file = base::LogFile::open(is_file ? to : "stderr");
  if (!file) return file.error();
  return std::unique_ptr<AccessLog>(
      new AccessLog(std::move(to), std::move(*file), format, workers, std::move(rules)));
}

AccessLog::AccessLog(std::string to, base::LogFile file, Format format, int workers,
                     LineRules rules)
    : name_(std::move(to)), file_(std::move(file)), format_(format), rules_(std::move(rules)) {
  if (const std::string_view path = Syslog::path_in(name_); !path.empty())
    syslog_.emplace(std::string(path), rules_.host, rules_.service);
  const std::size_t most = most_waiting / static_cast<std::size_t>(workers);
  for (int i = 0; i < workers; ++i) queues_.emplace_back(new Queue(*this, most));
  writer_ = std::thread([this] { run(); });
}

AccessLog::~AccessLog() {
  finish();
}

void AccessLog::finish() {
  if (!writer_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  writer_.join();
}

std::uint64_t AccessLog::overrun() const {
  std::uint64_t sum = 0;
  for (const std::unique_ptr<Queue>& queue : queues_) sum += queue->lines_.dropped();
  return sum;
}

std::string AccessLog::trouble() const {
  const int error = last_error_.load(std::memory_order_relaxed);
  return error == 0 ? ""
                    : base::system_cause(error).message();
}

void AccessLog::wake() {
  {
    const std::lock_guard lock(mutex_);
    is_awake_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_one();
}

boost::system::error_code AccessLog::reopen() {
  if (syslog_) return {};
  base::Result<base::LogFile> opened = base::LogFile::open(name_);
  if (!opened) return opened.error().cause;
  {
    const std::lock_guard lock(mutex_);
    fresh_.emplace(std::move(*opened));
  }
  wake();
  return {};
}

// --- the writer's thread ---

// While lines come it looks every few milliseconds, and no worker has to wake it. When none have
// come it says that it sleeps, and looks once more: a line whose writer did not see that is there
// by then.
void AccessLog::run() {
  const auto is_ending = [this] { return is_ending_; };
  const auto is_wanted = [this] { return is_ending_ || is_awake_.load(std::memory_order_relaxed); };
  for (;;) {
    const bool had_lines = write_all();
    std::unique_lock lock(mutex_);
    if (is_ending_) break;
    if (had_lines) {
      changed_.wait_for(lock, gather, is_ending);
      continue;
    }
    is_awake_.store(false, std::memory_order_seq_cst);
    if (!changed_.wait_for(lock, gather, is_wanted) && !has_lines()) changed_.wait(lock, is_wanted);
    is_awake_.store(true, std::memory_order_relaxed);
  }
  write_all();
}

bool AccessLog::has_lines() {
  return std::any_of(queues_.begin(), queues_.end(), [](const std::unique_ptr<Queue>& queue) {
    return !queue->lines_.front().empty();
  });
}

bool AccessLog::write_all() {
  take_fresh();
  const bool had_lines = has_lines();
  for (const std::unique_ptr<Queue>& queue : queues_) write_out(queue->lines_);
  return had_lines;
}

void AccessLog::take_fresh() {
  {
    const std::lock_guard lock(mutex_);
    if (!fresh_) return;
    file_ = std::move(*fresh_);
    fresh_.reset();
  }
  is_torn_ = is_mid_line_ = false;
}

// The destination may be a pipe that nobody reads: only this thread waits for it.
void AccessLog::write_out(LogQueue& lines) {
  if (syslog_) return send_out(lines);
  for (std::string_view text = lines.front(); !text.empty(); text = lines.front()) {
    if (file_.is_ready(patience)) {
      write_some(lines, text);
    } else if (is_to_give_up()) {
      last_error_.store(0, std::memory_order_relaxed);
      lose(lines, text);
    } else {
      take_fresh();
    }
  }
}

void AccessLog::lose(LogQueue& lines, std::string_view text) {
  taken_before_refusal_.store(taken(), std::memory_order_relaxed);
  refused_.fetch_add(lines_in(text), std::memory_order_release);
  lines.pop(text.size());
}

void AccessLog::has_taken() {
  taken_.store(taken() + 1, std::memory_order_relaxed);
}

// A datagram for each line.
void AccessLog::send_out(LogQueue& lines) {
  for (std::string_view text = lines.front(); !text.empty(); text = lines.front()) {
    const std::string_view line = text.substr(0, text.find('\n') + 1);
    const base::Result<bool> sent = syslog_->send(line.substr(0, line.size() - 1));
    if (!sent) {
      last_error_.store(sent.error().cause.value(), std::memory_order_relaxed);
      lose(lines, line);
    } else if (*sent) {
      has_taken();
      lines.pop(line.size());
    } else if (is_to_give_up()) {
      last_error_.store(0, std::memory_order_relaxed);
      lose(lines, text);
    } else {
      syslog_->wait(patience);
    }
  }
}

void AccessLog::write_some(LogQueue& lines, std::string_view text) {
  const std::string_view next = is_torn_ ? std::string_view("\n") : text;
  const base::Result<std::size_t> written = file_.write(next);
  if (!written) {
    last_error_.store(written.error().cause.value(), std::memory_order_relaxed);
    is_torn_ = is_mid_line_;
    return lose(lines, text);
  }
  if (*written == 0) return;
  has_taken();
  is_mid_line_ = next[*written - 1] != '\n';
  if (!std::exchange(is_torn_, false)) lines.pop(*written);
}

bool AccessLog::is_to_give_up() {
  const std::lock_guard lock(mutex_);
  if (!is_ending_) return false;
  const base::Time now = base::Clock::now();
  if (give_up_ == base::never) give_up_ = now + longest_goodbye;
  return now >= give_up_;
}

// --- a worker's thread ---

bool LineRules::take(const http::StreamInfo& info, const AccessRecord& record) const {
  if (when && !when->holds_for(DescribedExchange(info, record))) return false;
  const bool has_failed =
      info.reason != base::Reason::none || info.status >= 500 || info.grpc_status > 0;
  return has_failed || sample >= 10'000 || info.loop.random().below(10'000) < sample;
}

std::string_view AccessLog::Queue::timestamp(base::WallTime time) {
  const auto wall = std::chrono::floor<base::Millis>(time);
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

// Requests come in rows from one client, by several connections; the text is made once for each
// row.
std::string_view AccessLog::Queue::source(const base::Address& address) {
  if (!is_same_host(address, source_) || source_text_.empty()) {
    source_ = address;
    source_text_ = address.is_unix() ? address.to_string() : address.ip();
  }
  return source_text_;
}

void AccessLog::Queue::write(const http::StreamInfo& info, const AccessRecord& record) {
  if (!log_.rules_.take_all() && !log_.rules_.take(info, record)) return;
  const std::string_view stamp = timestamp(info.loop.wall(info.started));
  line_.clear();
  if (log_.rules_.line)
    log_.rules_.line->append(line_, info, record, stamp);
  else if (log_.format_ == Format::json)
    append_json_line(line_, info, record, stamp, source(info.source()));
  else
    append_text_line(line_, info, record, stamp);
  lines_.write(line_);
  if (!log_.is_awake_.load(std::memory_order_relaxed)) log_.wake();
}

}  // namespace observe
