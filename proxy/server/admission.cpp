#include "proxy/server/admission.hpp"

namespace server {

Admission::Admission(std::size_t connections, std::size_t from_one_source, std::size_t memory)
    : limits_(connections, from_one_source), memory_(memory) {}

void Admission::adopt(std::size_t from_one_source, std::size_t memory) {
  limits_.bound_sources(from_one_source);
  memory_.store(memory, std::memory_order_relaxed);
}

void Admission::memory_in_use(std::size_t bytes) {
  const std::size_t percent = memory_limit() / 100;
  in_use_.store(bytes, std::memory_order_relaxed);
  is_shedding_.store(bytes > percent * 95, std::memory_order_relaxed);
  const std::size_t full = percent * (must_not_accept() ? 95 : 98);  // it is not to flutter
  is_full_.store(bytes > full, std::memory_order_relaxed);
}

}  // namespace server
