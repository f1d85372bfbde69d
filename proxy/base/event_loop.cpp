#include "proxy/base/event_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <random>

namespace base {
namespace {

// With this many events in a batch more are likely to be there already: look again without asking
// Asio, which costs two system calls.
constexpr int busy_batch = 4;
constexpr int most_turns_without_asio = 32;
constexpr std::chrono::seconds trust_in_anchor{1};  // the wall clock may have been set
constexpr Duration longest_wait = std::chrono::hours{1};

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

struct EventLoop::Asio {
  explicit Asio(int descriptor) : watched(io, descriptor) {}
  ~Asio() { watched.release(); }  // the Poller closes it

  boost::asio::io_context io{1};
  // Without it Asio stops for good as soon as nothing is pending, between two waits.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  boost::asio::posix::stream_descriptor watched;
};

EventLoop::EventLoop()
    : Loop(Clock::now(), random_seed()), asio_(std::make_unique<Asio>(poller_.descriptor())) {}

EventLoop::~EventLoop() {
  reap();
}

boost::asio::io_context& EventLoop::io() {
  return asio_->io;
}

void EventLoop::run() {
  is_stopped_ = false;
  while (!is_stopped_) turn(longest_wait);
}

void EventLoop::stop() {
  post([this] { is_stopped_ = true; });
}

void EventLoop::wake_up() {
  boost::asio::post(asio_->io, [] {});
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
    look_at_clock();
    last_batch_ = dispatch();
    if (last_batch_ > 0) return;
  }
  turns_without_asio_ = 0;
  watch_poller();
  longest = until_due(longest);
  if (longest == longest_wait)
    asio_->io.run_one();  // with a limit it would look at the clock every second
  else if (longest > Duration::zero())
    asio_->io.run_one_for(longest);
  asio_->io.poll();
  look_at_clock();
  reap();
  last_batch_ = dispatch();
}

void EventLoop::look_at_clock() {
  set_now(Clock::now());
  if (now() - anchor() >= trust_in_anchor) set_wall(now(), std::chrono::system_clock::now());
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
  asio_->watched.async_wait(boost::asio::posix::descriptor_base::wait_read,
                            [this](boost::system::error_code) { is_watching_ = false; });
}

int EventLoop::dispatch() {
  return poller_.dispatch([this] { reap(); });
}

}  // namespace base
