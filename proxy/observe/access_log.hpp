// One line for each exchange, in JSON or text. A worker formats into its own queue; one thread
// writes what all queues hold. A worker never waits: when the queues are full the line is dropped
// and counted. Owned by control; queues are used by their worker's thread, the rest by any.
#pragma once

#include "proxy/http/stream_info.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace observe {

// What a line says beyond the StreamInfo.
struct AccessRecord {
  std::string_view method;
  std::string_view host;
  std::string_view path;  // without the query
  base::Time ended;
};

class AccessLog {
 public:
  enum class Format : std::uint8_t { json, text };

  class Queue {
   public:
    void write(http::StreamInfo& info, const AccessRecord& record);

   private:
    friend class AccessLog;
    explicit Queue(AccessLog& log) : log_(log) {}
    std::string_view timestamp(base::Time time);

    AccessLog& log_;
    std::string line_;
    base::Time anchor_ = base::Time::min();  // when the wall clock was last looked at
    std::chrono::system_clock::time_point anchor_wall_;
    std::chrono::system_clock::time_point written_second_;  // that stamp_ holds
    std::string stamp_;
    std::mutex mutex_;
    std::string waiting_;
  };

  // path: a file, appended to; or "stdout", "stderr". The error's cause says why it cannot be
  // opened.
  static base::Result<std::unique_ptr<AccessLog>> open(std::string path, Format format,
                                                       int workers);
  ~AccessLog();  // writes what is left, if the destination takes it
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  Queue& queue(int worker) { return *queues_[static_cast<std::size_t>(worker)]; }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }
  // Opens the file again, so that it can be rotated: soon, also if no line comes.
  void reopen();

 private:
  static constexpr std::size_t most_waiting = 8 * 1024 * 1024;

  AccessLog(std::string path, int descriptor, Format format, int workers);
  void run();
  void write_all();
  void write_out(std::string_view text);
  void drop(std::string_view text);
  void wake();

  std::string path_;
  int descriptor_;
  Format format_;
  std::vector<std::unique_ptr<Queue>> queues_;
  std::atomic<std::size_t> waiting_bytes_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<bool> is_reopen_wanted_{false};
  std::mutex mutex_;
  std::condition_variable woken_;
  bool is_work_ = false;
  bool is_ending_ = false;
  std::thread writer_;
};

// One line with its newline, as config.md describes it. `timestamp` is RFC 3339.
void append_json_line(std::string& out, http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp);
void append_text_line(std::string& out, http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp);

}  // namespace observe
