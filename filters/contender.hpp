// One of two attempts that go on at the same time (hedges): begun when it is made, it runs by
// itself until its head has come or it is cancelled. Owned by the coroutine that waits for `news`,
// which outlives it, as does what its task uses; one thread.
#pragma once

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/message.hpp"

#include <optional>
#include <utility>

namespace filters {

class Contender {
 public:
  Contender(base::Event& news, base::Task<http::Reply> attempt) : news_(news), task_(news.loop()) {
    task_.spawn(run(std::move(attempt))).release();
  }
  Contender(const Contender&) = delete;
  Contender& operator=(const Contender&) = delete;

  // The head, or why there is none; null while it is not known. `news` is set when it becomes so.
  const http::Reply* reply() const { return reply_ ? &*reply_ : nullptr; }
  http::Reply take() { return std::move(*reply_); }
  // What it has upstream is reset or closed at once, also a response that has begun.
  void cancel() {
    task_.cancel_all();
    reply_.reset();
  }

 private:
  base::Task<> run(base::Task<http::Reply> attempt) {
    http::Reply reply = co_await attempt;
    reply_.emplace(std::move(reply));
    news_.set();
  }

  base::Event& news_;
  std::optional<http::Reply> reply_;
  base::TaskGroup task_;  // dies before what its task uses
};

}  // namespace filters
