#include "proxy/process/successor.hpp"

#include "proxy/base/event.hpp"

#include <csignal>
#include <utility>

namespace process {
namespace {

constexpr base::Millis between_looks{10};

}  // namespace

Successor::~Successor() {
  if (!is_ready_) give_up();
  if (child_ > 0) children_.forget(child_);
}

std::string Successor::hand_over(Program program, const HandedOver& handed) {
  base::Result<HandoverPair> pair = make_handover();
  if (!pair) return std::string(pair.error().detail) + ": " + pair.error().cause.message();
  here_ = std::move(pair->here);
  if (std::string problem = send(here_.number(), handed); !problem.empty()) return problem;
  program.handed_over = pair->there.number();
  program.environment.push_back(std::string(handover_variable) + "=1");
  const Started started = process::start(program);
  if (!started.problem.empty())
    return "cannot run " + program.command.front() + ": " + started.problem;
  child_ = started.child;
  children_.watch(child_, [this](int wait_status) { end_ = in_words(wait_status); });
  return {};
}

base::Task<std::string> Successor::start(Program program, HandedOver handed,
                                         base::Millis timeout) {
  const base::Time limit = loop_.now() + timeout;
  std::string problem = hand_over(std::move(program), handed);
  handed = {};  // what is open here as well would keep a listener alive that both have given up
  std::string why;  // it is not ready, in its own words
  while (problem.empty()) {
    const Heard heard = listen_for_ready(here_.number(), why);
    is_ready_ = heard == Heard::ready;
    if (is_ready_) co_return "";
    if (end_)
      problem = "the new process " + *end_ + " before it was ready";
    else if (loop_.now() >= limit)
      problem =
          "the new process was not ready within " + std::to_string(timeout.count() / 1000) + " s";
    else
      co_await base::sleep_until(loop_, loop_.now() + between_looks);
  }
  give_up();
  if (!why.empty()) problem.append(": ").append(why);
  co_return problem;
}

void Successor::give_up() {
  if (child_ > 0 && !end_) ::kill(child_, SIGKILL);
}

}  // namespace process
