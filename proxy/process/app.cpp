#include "proxy/process/app.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/process/program.hpp"
#include "proxy/process/readiness.hpp"

#include <algorithm>
#include <csignal>
#include <sys/wait.h>
#include <utility>

namespace process {
namespace {

constexpr base::Millis between_questions{100};
constexpr base::Millis longest_ready_answer{2'000};

std::string seconds(base::Millis time) {
  const auto count = time.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + " s" : std::to_string(count) + " ms";
}

}  // namespace

App::App(base::EventLoop& loop, net::Resolver& resolver, Children& children, base::Log& log,
         config::App settings, std::function<void()> on_ended)
    : loop_(loop),
      resolver_(resolver),
      children_(children),
      log_(log),
      settings_(std::move(settings)),
      on_ended_(std::move(on_ended)),
      end_(loop) {}

App::~App() {
  if (is_running()) children_.forget(child_);
}

std::string App::start(std::vector<std::string> environment) {
  Program program{settings_.command, std::move(environment)};
  program.has_limit_of_start = true;
  program.stands_alone = true;
  const Started started = process::start(program);
  if (!started.problem.empty())
    return "app: cannot run " + settings_.command.front() + ": " + started.problem;
  child_ = started.child;
  children_.watch(child_, [this](int wait_status) { ended(wait_status); });
  log_.info("app: " + settings_.command.front() + " runs as process " + std::to_string(child_));
  return {};
}

void App::ended(int wait_status) {
  child_ = -1;
  exit_status_ = shell_status(wait_status);
  const std::string line = "app: " + settings_.command.front() + ' ' + in_words(wait_status);
  const bool is_as_told =
      is_told_to_end_ && WIFSIGNALED(wait_status) && WTERMSIG(wait_status) == SIGTERM;
  *exit_status_ == 0 || is_as_told ? log_.info(line) : log_.warning(line);
  end_.set();
  on_ended_();
}

void App::signal(int number) const {
  if (!is_running()) return;
  ::kill(number == SIGKILL ? -child_ : child_, number);  // and what else it has started
}

base::Task<std::string> App::ready() {
  if (!settings_.ready) co_return "";
  const base::Time limit = loop_.now() + settings_.start_timeout;
  std::string last;  // that was not cut short by the limit
  for (;;) {
    const base::Time next = loop_.now() + between_questions;
    const base::Time until = std::min(limit, loop_.now() + longest_ready_answer);
    const std::string problem =
        co_await ask_whether_ready(loop_, resolver_, *settings_.ready, until);
    if (!is_running()) co_return "it has ended before it was ready";
    if (problem.empty()) co_return "";
    if (last.empty() || loop_.now() < limit) last = problem;
    if (loop_.now() >= limit)
      co_return "not ready within start_timeout (" + seconds(settings_.start_timeout) +
          "): " + settings_.ready->text + ": " + last;
    co_await base::sleep_until(loop_, std::min(limit, next));
  }
}

base::Task<> App::stop(base::Millis timeout) {
  if (!is_running()) co_return;
  end_.clear();
  is_told_to_end_ = true;
  signal(SIGTERM);
  const bool has_ended = co_await end_.wait(loop_.now() + timeout);
  if (has_ended) co_return;
  log_.warning("app: it has not ended within stop_timeout (" + seconds(timeout) + "): SIGKILL");
  signal(SIGKILL);
  co_await end_.wait();
}

std::string listener_variable(std::string_view name) {
  std::string variable = "OUTRIDER_LISTENER_";
  for (const char c : name) {
    const char upper = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
    variable += base::is_alpha(c) || base::is_digit(c) ? upper : '_';
  }
  return variable;
}

}  // namespace process
