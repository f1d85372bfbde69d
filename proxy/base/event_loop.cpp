#include "proxy/base/event_loop.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <sys/eventfd.h>

#include <algorithm>
#include <random>
#include <stdexcept>

namespace base {
namespace {

constexpr std::chrono::seconds trust_in_anchor{1};  // the wall clock may have been set
constexpr Duration longest_wait = std::chrono::hours{1};
constexpr int most_looks = 64;  // in one turn

std::uint64_t random_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

}  // namespace

struct EventLoop::Asio {
  explicit Asio(int descriptor) : watched(io, descriptor) {}
  ~Asio() { watched.release(); }  // the Poller closes it

  // Its handlers run inside it.
  void wait(Duration longest) {
    watch();
    if (longest == longest_wait)
      io.run_one();  // with a limit it would look at the clock every second
    else if (longest > Duration::zero())
      io.run_one_for(longest);
    io.poll();
  }

  boost::asio::io_context io{1};

 private:
  void watch() {
    if (is_watching) return;
    is_watching = true;
    watched.async_wait(boost::asio::posix::descriptor_base::wait_read,
                       [this](boost::system::error_code) { is_watching = false; });
  }

  // Without it Asio stops for good as soon as nothing is pending, between two waits.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  boost::asio::posix::stream_descriptor watched;
  bool is_watching = false;
};

EventLoop::EventLoop()
    : Loop(Clock::now(), random_seed()), wakes_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wakes_ || poller_.add(wakes_.number(), *this, EPOLLIN | EPOLLET) < 0)
    throw std::runtime_error("cannot make an eventfd");
}

EventLoop::~EventLoop() {
  reap();
}

boost::asio::io_context& EventLoop::io() {
  if (!asio_) asio_ = std::make_unique<Asio>(poller_.descriptor());
  return asio_->io;
}

void EventLoop::run() {
  is_stopped_ = false;
  while (!is_stopped_) turn(longest_wait);
}

void EventLoop::stop() {
  post([this] { is_stopped_ = true; });
}

// Each write is an edge of its own, so that nobody has to read what was written.
void EventLoop::wake_up() {
  const eventfd_t one = 1;
  (void)::eventfd_write(wakes_.number(), one);  // it cannot fail before 2^64 of them
}

void EventLoop::turn(Duration longest) {
  wait(longest);
  run_posts();
  run_ready();
  if (next_timer() <= now()) take_what_came();
  run_timers();
  run_ready();
  run_flushes();
}

void EventLoop::wait(Duration longest) {
  longest = until_due(longest);
  if (asio_) asio_->wait(std::exchange(longest, Duration::zero()));
  poller_.wait(static_cast<int>(std::chrono::ceil<Millis>(longest).count()));
  look_at_clock();
  reap();
  poller_.dispatch([this] { reap(); });
}

// Before anybody is late: the clock may have gone on further than what was seen. A process that was stopped
// wakes from its sleep with no event at all, and of many sockets one look does not see all.
void EventLoop::take_what_came() {
  bool is_all = false;
  for (int looks = 0; !is_all && looks < most_looks; ++looks) {
    poller_.wait(0);
    is_all = !poller_.has_full_batch();
    poller_.dispatch([this] { reap(); });
    run_ready();
  }
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
  return std::clamp(longest, Duration::zero(), longest_wait);
}

}  // namespace base
