// main() of each test program. A test case that takes longer than a minute says its name: where a
// runner ends the program, that is all that is known of it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <thread>

namespace {

constexpr std::chrono::minutes long_for_a_test{1};

class Watchdog final : public doctest::IReporter {
 public:
  explicit Watchdog(const doctest::ContextOptions&) : thread_([this] { watch(); }) {}
  ~Watchdog() override {
    change([this] { is_over_ = true; });
    thread_.join();
  }

  void test_case_start(const doctest::TestCaseData& test) override {
    change([&] { running_ = test.m_name; });
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    change([this] { running_ = nullptr; });
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  template <typename Change> void change(Change what) {
    const std::lock_guard lock(mutex_);
    what();
    ++changes_;
    has_changed_.notify_one();
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (!is_over_) {
      const bool is_same = !has_changed_.wait_for(
          lock, long_for_a_test, [this, seen = changes_] { return changes_ != seen; });
      if (is_same && running_) std::fprintf(stderr, "still running after a minute: %s\n", running_);
    }
  }

  std::mutex mutex_;
  std::condition_variable has_changed_;
  std::size_t changes_ = 0;
  const char* running_ = nullptr;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace

REGISTER_LISTENER("watchdog", 1, Watchdog);
