// One line for each exchange, in JSON or text. A worker formats into its own queue; one thread
// writes what all queues hold. A worker never waits: when its queue is full the line is dropped and
// counted, and so is what the destination refuses. Owned by control; queues are used by their
// worker's thread, the rest by any.
#pragma once

#include "config/expression.hpp"
#include "proxy/base/log_file.hpp"
#include "proxy/http/stream_info.hpp"
#include "proxy/observe/log_queue.hpp"
#include "proxy/observe/syslog.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace observe {

inline constexpr std::size_t longest_field = 8 * 1024;  // of a line; what is behind that is left out

// What a line says beyond the StreamInfo.
struct AccessRecord {
  std::string_view method;
  std::string_view host;
  std::string_view path;  // without the query
  base::Time ended;
};

class LineTemplate;

// Which exchanges leave a line, and what it says instead of all.
struct LineRules {
  std::shared_ptr<const config::Expression> when;  // null = any
  std::uint32_t sample = 10'000;                   // of those that ended well, in 1/100 %
  std::shared_ptr<const LineTemplate> line;        // null = all that there is, in the format
  std::string host, service;                       // who says it, to syslog

  bool take_all() const { return !when && sample >= 10'000; }
  bool take(const http::StreamInfo& info, const AccessRecord& record) const;
};

class AccessLog {
 public:
  enum class Format : std::uint8_t { json, text };

  class Queue {
   public:
    void write(const http::StreamInfo& info, const AccessRecord& record);

   private:
    friend class AccessLog;
    Queue(AccessLog& log, std::size_t most) : log_(log), lines_(most) {}
    std::string_view timestamp(base::WallTime time);
    std::string_view source(const base::Address& address);

    AccessLog& log_;
    LogQueue lines_;
    std::string line_;
    base::WallTime written_second_;  // that stamp_ holds
    std::string stamp_;
    base::Address source_;  // of the line before
    std::string source_text_;
  };

  // to: a file, appended to; "stdout", "stderr", or "syslog:PATH", which is connected to as it can
  // be. The error's cause says why it cannot be opened.
  static base::Result<std::unique_ptr<AccessLog>> open(std::string to, Format format, int workers,
                                                       LineRules rules = {});
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Writes what is left, if the destination takes it; nobody writes any more.
  void finish();

  Queue& queue(int worker) { return *queues_[static_cast<std::size_t>(worker)]; }
  std::uint64_t dropped() const { return refused() + overrun(); }
  std::uint64_t overrun() const;  // for want of room in the queues
  std::uint64_t refused() const { return refused_.load(std::memory_order_acquire); }
  // How often its destination has taken something.
  std::uint64_t taken() const { return taken_.load(std::memory_order_relaxed); }
  std::uint64_t taken_before_refusal() const {  // the last one
    return taken_before_refusal_.load(std::memory_order_relaxed);
  }
  // Why the last line was lost that its destination did not take; "" = it has taken all, or was waited for
  // in vain.
  std::string trouble() const;
  const std::string& name() const { return name_; }
  // Opens the file again, so that it can be rotated; if that fails, the old one stays. Syslog's
  // socket is looked after anyway.
  boost::system::error_code reopen();

 private:
  static constexpr std::size_t most_waiting = 8 * 1024 * 1024;  // of all queues

  AccessLog(std::string to, base::LogFile file, Format format, int workers, LineRules rules);
  void run();
  bool write_all();
  void write_out(LogQueue& lines);
  void send_out(LogQueue& lines);
  void lose(LogQueue& lines, std::string_view text);
  void has_taken();
  void write_some(LogQueue& lines, std::string_view text);
  bool has_lines();
  void take_fresh();
  bool is_to_give_up();
  void wake();

  const std::string name_;
  base::LogFile file_;
  Format format_;
  const LineRules rules_;
  std::optional<Syslog> syslog_;  // instead of the file
  bool is_mid_line_ = false;  // the last byte that was written is not a line's end
  bool is_torn_ = false;      // and the rest of that line is lost
  std::vector<std::unique_ptr<Queue>> queues_;
  std::atomic<std::uint64_t> refused_{0};  // lines, by the destination
  std::atomic<std::uint64_t> taken_{0};    // writes
  std::atomic<std::uint64_t> taken_before_refusal_{0};
  std::atomic<int> last_error_{0};
  // Cleared by the writer before it sleeps; whoever finds it so wakes it.
  alignas(64) std::atomic<bool> is_awake_{true};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<base::LogFile> fresh_;  // to be written to from now on
  bool is_ending_ = false;
  base::Time give_up_ = base::never;
  std::thread writer_;
};

// One line with its newline, with the fields that config/REFERENCE.md lists under Expressions.
// `timestamp` is RFC 3339, `source` the client's address.
void append_json_line(std::string& out, const http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp, std::string_view source);
void append_text_line(std::string& out, const http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp);

}  // namespace observe
