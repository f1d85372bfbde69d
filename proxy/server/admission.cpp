#include "proxy/server/admission.hpp"

namespace server {

Admission::Admission(std::size_t connections, std::size_t from_one_source, std::size_t memory)
    : limits_(connections, from_one_source), memory_(memory) {}

void Admission::adopt(std::size_t from_one_source, std::size_t memory) {
  limits_.bound_sources(from_one_source);
  memory_.store(memory, std::memory_order_relaxed);
}

// Either this sees the connection, or who admitted it sees this.
bool Admission::doze() {
  is_dozing_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (connections() == 0) return true;
  is_dozing_.store(false, std::memory_order_relaxed);
  return false;
}

void Admission::has_admitted() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (is_dozing_.load(std::memory_order_relaxed) && is_dozing_.exchange(false)) wake_();
}

void Admission::memory_in_use(std::size_t bytes) {
  const std::size_t percent = memory_limit() / 100;
  in_use_.store(bytes, std::memory_order_relaxed);
  is_shedding_.store(bytes > percent * 95, std::memory_order_relaxed);
  const std::size_t full = percent * (must_not_accept() ? 95 : 98);  // it is not to flutter
  is_full_.store(bytes > full, std::memory_order_relaxed);
}

}  // namespace server
