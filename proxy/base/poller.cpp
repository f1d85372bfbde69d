#include "proxy/base/poller.hpp"

#include <unistd.h>

#include <cerrno>
#include <stdexcept>

namespace base {
namespace {

constexpr std::size_t batch_size = 256;

}  // namespace

Poller::Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)), batch_(batch_size) {
  if (epoll_ < 0) throw std::runtime_error("cannot make an epoll set");
}

Poller::~Poller() { ::close(epoll_); }

int Poller::add(int descriptor, Watch& watch, std::uint32_t events) {
  if (free_.empty()) {
    free_.push_back(static_cast<int>(slots_.size()));
    slots_.emplace_back();
  }
  const int index = free_.back();
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  epoll_event event{};
  event.events = events;
  event.data.u64 = (static_cast<std::uint64_t>(slot.generation) << 32) |
                   static_cast<std::uint32_t>(index);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return -1;
  free_.pop_back();
  slot.watch = &watch;
  return index;
}

void Poller::remove(int index, int descriptor) {
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  slot.watch = nullptr;
  ++slot.generation;
  free_.push_back(index);
  epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
}

void Poller::wait(int longest) {
  const int count = epoll_wait(epoll_, batch_.data(), static_cast<int>(batch_.size()), longest);
  found_ = count < 0 ? 0 : count;
}

Poller::Watch* Poller::find(std::uint64_t key) const {
  const Slot& slot = slots_[static_cast<std::uint32_t>(key)];
  return slot.generation == key >> 32 ? slot.watch : nullptr;
}

}  // namespace base
