// A filter is a wrapper around the rest of the chain:
//
//   Task<Reply> handle(Request& request, Next next) override {
//     ...                                   // the request on its way up
//     Reply reply = co_await next(request);
//     ...                                   // the response's head on its way down
//     co_return reply;
//   }
//
// What does nothing after `next` is a plain function that returns next(request). A filter belongs to
// one place of one worker's runtime and is used by that worker's thread only; state that all workers
// share comes to it from its FilterContext.
#pragma once

#include <memory>
#include <vector>

#include "proxy/http/message.hpp"

namespace http {

// Whatever can answer a request.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Task<Reply> handle(Request& request) = 0;
};

class Filter;

// The rest of a chain. A value: keep it as long as the chain lives.
class Next {
 public:
  Next(const std::unique_ptr<Filter>* filter, const std::unique_ptr<Filter>* end, Handler& last)
      : filter_(filter), end_(end), last_(&last) {}
  Task<Reply> operator()(Request& request) const;

 private:
  const std::unique_ptr<Filter>* filter_;
  const std::unique_ptr<Filter>* end_;
  Handler* last_;
};

class Filter {
 public:
  virtual ~Filter() = default;
  virtual Task<Reply> handle(Request& request, Next next) = 0;
};

inline Task<Reply> Next::operator()(Request& request) const {
  if (filter_ == end_) return last_->handle(request);
  return (*filter_)->handle(request, Next(filter_ + 1, end_, *last_));
}

// Filters in order, and what stands behind them (not owned).
class Chain final : public Handler {
 public:
  Chain(std::vector<std::unique_ptr<Filter>> filters, Handler& last)
      : filters_(std::move(filters)), last_(last) {}
  Task<Reply> handle(Request& request) override {
    return Next(filters_.data(), filters_.data() + filters_.size(), last_)(request);
  }

 private:
  std::vector<std::unique_ptr<Filter>> filters_;
  Handler& last_;
};

}  // namespace http
