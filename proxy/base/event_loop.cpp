#include "proxy/base/event_loop.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>

namespace base {
namespace {

// With this many events in a batch more are likely to be there already: look again without asking
// Asio, which costs two system calls.
constexpr int busy_batch = 4;
constexpr int most_turns_without_asio = 32;
constexpr Duration longest_wait = std::chrono::hours{1};

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

EventLoop::EventLoop() : Loop(Clock::now(), random_seed()), watched_(io_, poller_.descriptor()) {}

EventLoop::~EventLoop() {
  reap();
  watched_.release();  // the Poller closes it
}

void EventLoop::run() {
  is_stopped_ = false;
  while (!is_stopped_) turn(longest_wait);
}

void EventLoop::stop() {
  post([this] { is_stopped_ = true; });
}

void EventLoop::wake_up() {
  boost::asio::post(io_, [] {});
}

void EventLoop::turn(Duration longest) {
  wait(longest);
  run_posts();
  run_ready();
  run_timers();
  run_ready();
  run_flushes();
}

// Asio's handlers run inside it, the sockets' events behind them.
void EventLoop::wait(Duration longest) {
  if (last_batch_ >= busy_batch && ++turns_without_asio_ < most_turns_without_asio) {
    set_now(Clock::now());
    last_batch_ = dispatch();
    if (last_batch_ > 0) return;
  }
  turns_without_asio_ = 0;
  watch_poller();
  longest = until_due(longest);
  if (longest > Duration::zero()) io_.run_one_for(longest);
  io_.poll();
  set_now(Clock::now());
  reap();
  last_batch_ = dispatch();
}

// How long the loop may sleep.
Duration EventLoop::until_due(Duration longest) const {
  if (has_ready()) return Duration::zero();
  const Time timer = next_timer();
  if (timer != never) longest = std::min(longest, timer - Clock::now());
  return std::min(longest, longest_wait);
}

void EventLoop::watch_poller() {
  if (is_watching_) return;
  is_watching_ = true;
  watched_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                      [this](boost::system::error_code) { is_watching_ = false; });
}

int EventLoop::dispatch() {
  return poller_.dispatch([this] { reap(); });
}

}  // namespace base
