// Copies of requests under way to shadow clusters: exchanges of the worker's own, which no client
// waits for. Their answers are read, to a bound, and forgotten; they are traced, but neither logged nor
// do they keep a drain from ending. Owned by the runtime; the worker's thread.
#pragma once

#include "proxy/base/counted.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/filter.hpp"
#include "proxy/observe/tracer.hpp"

#include <cstddef>
#include <memory>

namespace server {

// What a copy needs: the request as it left its route's filters, whole.
struct MirroredRequest {
  base::Ref<base::Counted> generation;  // kept until the copy has come to its end
  http::Handler& chain;                 // the shadow cluster's
  observe::Tracer* tracer;              // null = there are no traces
  http::RequestHead head;
  http::Body body;
  const http::StreamInfo& like;  // of the exchange that it is a copy of; looked at at once
};

class Mirrors {
 public:
  explicit Mirrors(base::Loop& loop) : loop_(loop), tasks_(loop) {}
  Mirrors(const Mirrors&) = delete;
  Mirrors& operator=(const Mirrors&) = delete;

  // False: there are as many as may be at a time, and it is dropped. Nothing of it runs before the
  // caller has come to its next wait.
  bool send(MirroredRequest request);

 private:
  class Exchange;
  base::Task<> run(std::unique_ptr<Exchange> exchange);

  base::Loop& loop_;
  std::size_t count_ = 0;
  base::TaskGroup tasks_;
};

}  // namespace server
