// A scripted exchange over each pair of versions, cut behind every byte that the client or the upstream
// says: by either of them, with FIN, RST or a half-close. Whatever the step, the client is told the
// truth, the exchange is logged once with its reason, nothing is left over, the connection is not used
// again, and the next request works.
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "tests/harness/json.hpp"
#include "tests/integration/abort_peers.hpp"

namespace aborts {
namespace {

std::string words_for(const Step& step) {
  constexpr std::array ways{"closes", "resets", "half-closes"};
  return std::string(step.who == Who::client ? "client " : "upstream ") +
         ways[static_cast<std::size_t>(step.how)] + " behind byte " + std::to_string(step.said) +
         (step.is_in_request ? " of the request" : " of the response");
}

auto open_descriptors() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
}

// A scripted peer may still be closing its end.
bool come_down_to(std::ptrdiff_t most) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  while (open_descriptors() > most) {
    if (base::Clock::now() > limit) return false;
    std::this_thread::yield();
  }
  return true;
}

struct Line {
  int status;
  std::string reason;
};

class Bench {
 public:
  Bench(Version down, Version up)
      : down_(down),
        up_(up),
        log_((std::filesystem::temp_directory_path() /
              ("outrider-abort-" + std::to_string(getpid()) + ".log")).string()),
        upstream_(up) {
    std::filesystem::remove(log_);
    proxy_.emplace(
        "version: 1\nworkers: 1\naccess_log: { to: " + log_ + ", format: json }\n" +
        "admin: { bind: \"127.0.0.1:0\" }\n"
        "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
        "clusters:\n  app:\n    url: \"" + upstream_.origin().url() + "\"\n    protocol: " +
        (up == Version::h2 ? "h2" : "http1") + "\n");
    watch_.emplace(*proxy_);
  }
  ~Bench() { std::filesystem::remove(log_); }

  void run_all();

 private:
  void measure();
  void plan();
  void run(const Step& step);
  void run_as_client(const Step& step, Caller& caller);
  void run_as_upstream(const Step& step, Caller& caller);
  void next_works();
  // It has asked all that it will, and may have what it asked for.
  bool waits_for_its_answer(const Step& step) const {
    return down_ == Version::http1 && step.who == Who::client && step.how == How::half_close &&
           !step.is_in_request;
  }
  std::map<std::string, std::vector<Line>> read_log();
  void judge(const Step& step, const std::vector<Line>& lines) const;
  std::string path_of(std::size_t number) const {
    return "/c" + std::to_string(10'000 + number);
  }

  Version down_;
  Version up_;
  std::string log_;
  Upstream upstream_;
  std::optional<TestProxy> proxy_;
  std::optional<Watch> watch_;
  std::vector<Step> steps_;
  std::size_t request_ = 0;
  std::size_t request_head_ = 0;
  std::size_t response_head_ = 0;
  std::size_t response_ = 0;
};

// How long the messages are, and their heads.
void Bench::measure() {
  const Caller caller(proxy_->address(), down_, path_of(0), true);
  request_head_ = caller.head_size();
  request_ = caller.size();
  H2Peer encoder{Socket()};
  const std::string head = encoder.head(1, {{":status", "200"}}, false);
  const std::string trailers = encoder.head(1, {{"t", "1"}}, true);
  const bool is_h2 = up_ == Version::h2;
  response_head_ = is_h2 ? head.size() : http1_response.find("3\r\n");
  response_ = is_h2 ? head.size() + 9 + 3 + trailers.size() : http1_response.size();
}

// That a client of HTTP/1 with nothing more to say has left shows only after a second, so this is not
// tried behind every byte.
void Bench::plan() {
  for (const How how : {How::close, How::reset, How::half_close}) {
    for (std::size_t said = 0; said < request_; ++said) {
      steps_.push_back({Who::client, how, true, said});
      if (said >= request_head_) steps_.push_back({Who::upstream, how, true, said});
    }
    for (std::size_t said = 0; said <= response_; ++said) {
      if (how != How::close || down_ == Version::h2 || said % 16 == 0)
        steps_.push_back({Who::client, how, false, said});
      steps_.push_back({Who::upstream, how, false, said});
    }
  }
}

void Bench::run_all() {
  measure();
  plan();
  CHECK(watch_->comes_to_rest());
  const auto open_before = open_descriptors();
  for (const Step& step : steps_) {
    CAPTURE(words_for(step));
    try {
      run(step);
      next_works();
      CHECK_MESSAGE(watch_->comes_to_rest(), watch_->ask("/clusters"), watch_->ask("/stats"));
    } catch (const harness::Silence& silence) {
      FAIL(silence.what());
    }
  }
  CHECK_MESSAGE(come_down_to(open_before + 2), open_before, " before, now ", open_descriptors());
  watch_.reset();
  proxy_.reset();
  const auto lines = read_log();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    CAPTURE(words_for(steps_[i]));
    const auto found = lines.find(path_of(i));
    judge(steps_[i], found == lines.end() ? std::vector<Line>() : found->second);
  }
}

void Bench::run(const Step& step) {
  upstream_.begin(step);
  Caller caller(proxy_->address(), down_, path_of(static_cast<std::size_t>(&step - steps_.data())),
                true);
  if (step.who == Who::client)
    run_as_client(step, caller);
  else
    run_as_upstream(step, caller);
}

void Bench::run_as_client(const Step& step, Caller& caller) {
  caller.say(0, step.is_in_request ? step.said : caller.size());
  if (!step.is_in_request) upstream_.wait_until_said();
  if (step.is_in_request && step.said >= caller.head_size()) upstream_.wait_for_head();
  watch_->ask("/live");  // meanwhile the proxy takes what was said
  cut(caller.socket(), step.how);
  if (waits_for_its_answer(step)) upstream_.go();
  if (step.how == How::half_close) {
    const harness::Answer answer = caller.hear();
    const bool is_told = down_ == Version::http1 && step.said >= caller.head_size();
    if (step.is_in_request) CHECK(answer.status == (is_told ? 400 : 0));
  }
  CHECK(watch_->comes_to_say("/stats", "\"exchanges\":0"));  // however long the upstream takes
  upstream_.go();
}

void Bench::run_as_upstream(const Step& step, Caller& caller) {
  caller.say(0, step.is_in_request ? step.said : caller.size());
  if (step.is_in_request) {
    upstream_.wait_for_head();
    upstream_.go();
    caller.say(step.said, caller.size());
  }
  const harness::Answer answer = caller.hear();
  const bool has_head = !step.is_in_request && step.said >= response_head_;
  const bool is_all = !step.is_in_request && step.said == response_;
  CHECK(answer.status == (has_head ? 200 : 502));
  CHECK(answer.is_whole == (!has_head || is_all));
  // Its connection is idle by then, and what is asked next must not meet its end on the way.
  if (is_all) CHECK(watch_->comes_to_say("/clusters", "\"connections\":0"));
}

void Bench::next_works() {
  Caller next(proxy_->address(), down_, "/next", false);
  next.say(0, next.size());
  const harness::Answer answer = next.hear();
  CHECK(answer.status == 200);
  CHECK(answer.body == "ok");
  CHECK(answer.is_whole);
}

std::map<std::string, std::vector<Line>> Bench::read_log() {
  std::map<std::string, std::vector<Line>> lines;
  for (const harness::Json& line : harness::read_json_lines(log_))
    lines[line["path"].text()].push_back(
        {static_cast<int>(line["status"].number()), line["reason"].text()});
  return lines;
}

void Bench::judge(const Step& step, const std::vector<Line>& lines) const {
  if (step.is_in_request && step.said < request_head_) {
    CHECK(lines.empty());
    return;
  }
  REQUIRE(lines.size() == 1);
  const auto& [status, reason] = lines.front();
  CAPTURE(status);
  CAPTURE(reason);
  const bool has_head = !step.is_in_request && step.said >= response_head_;
  const bool is_all = !step.is_in_request && step.said == response_;
  if (reason.empty() && (is_all || waits_for_its_answer(step))) {
    CHECK(status == 200);
  } else if (step.who == Who::client) {
    CHECK(reason == "client_gone");
    CHECK((status == 499 || (has_head && status == 200)));
  } else {
    CHECK(status == (has_head ? 200 : 502));
    CHECK(reason == (has_head ? "response_aborted" : "reset"));
  }
}

TEST_CASE("abort at every step: HTTP/1 to HTTP/1") { Bench(Version::http1, Version::http1).run_all(); }
TEST_CASE("abort at every step: HTTP/1 to HTTP/2") { Bench(Version::http1, Version::h2).run_all(); }
TEST_CASE("abort at every step: HTTP/2 to HTTP/1") { Bench(Version::h2, Version::http1).run_all(); }
TEST_CASE("abort at every step: HTTP/2 to HTTP/2") { Bench(Version::h2, Version::h2).run_all(); }

}  // namespace
}  // namespace aborts
