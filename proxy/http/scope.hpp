// The span of one exchange, or of one attempt within it: what bounds it, and what is held for so
// long: a slot, a count, a breaker's interest in the outcome. A scope ends when its reply is an
// error, or when the body of its response ended or was dropped; guards learn of it in reverse
// order. Owned by the exchange, an attempt's by its Try. One thread.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/base/time.hpp"

#include <cstdint>
#include <memory>

namespace http {

// How it went.
struct Outcome {
  base::Reason reason = base::Reason::none;  // none: a whole response was delivered
  int status = 0;                            // of the response head; 0 = there was none
  int grpc_status = -1;                      // -1 = not gRPC, or not known
};

class Guard : public base::Pooled {
 public:
  virtual ~Guard() = default;
  virtual void ended(const Outcome& outcome) noexcept = 0;

 private:
  friend class Scope;
  std::unique_ptr<Guard> outer_;  // held before this one by the same scope
};

class Scope {
 public:
  explicit Scope(base::Time begun) : begun_(begun) {}
  // Within another, which outlives it: bounded by what bounds that one, and cut with it.
  Scope(base::Time begun, const Scope& around)
      : deadline(around.deadline), is_stream(around.is_stream), begun_(begun), around_(&around) {}
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // Not ended before: it was cut, or else the client has left, and the outcome says so.
  ~Scope();

  base::Time begun() const { return begun_; }

  void hold(std::unique_ptr<Guard> guard);
  void end() noexcept;  // with `outcome`; a second call does nothing

  // What stands within is destroyed before its end, by a limit that has passed: why. The first
  // holds.
  void cut(base::Reason why) {
    if (cut_by_ == base::Reason::none) cut_by_ = why;
  }
  // By itself or by what is around it; none = it was not.
  base::Reason cut_by() const {
    return cut_by_ != base::Reason::none || !around_ ? cut_by_ : around_->cut_by();
  }
  // Why what stands within is destroyed before its end: the client is gone, unless it was cut.
  base::Reason given_up_by() const {
    const base::Reason why = cut_by();
    return why == base::Reason::none ? base::Reason::client_gone : why;
  }

  Outcome outcome;  // filled in as it becomes known

  // It must be over by then: the least of what the client said and, unless it is a stream, of all
  // `total`s that bound it.
  base::Time deadline = base::never;
  bool is_stream = false;  // see streams.hpp: no total timeout from here on

 private:
  base::Time begun_;
  const Scope* around_ = nullptr;
  std::unique_ptr<Guard> innermost_;
  base::Reason cut_by_ = base::Reason::none;
  bool has_ended_ = false;
};

}  // namespace http
