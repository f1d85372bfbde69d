// The span of one exchange, or of one attempt within it, and what is held for so long: a slot, a
// count, a breaker's interest in the outcome. A scope ends when its reply is an error, or when the
// body of its response ended or was dropped; guards learn of it in reverse order. One thread.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/base/error.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/base/time.hpp"

namespace http {

// How it went.
struct Outcome {
  base::Reason reason = base::Reason::none;  // none: a whole response was delivered
  int status = 0;                            // of the response head; 0 = there was none
  int grpc_status = -1;                      // -1 = not gRPC, or not known
  base::Time begun = base::Time::min();
  base::Time ended = base::Time::min();
};

class Guard : public base::Pooled {
 public:
  virtual ~Guard() = default;
  virtual void ended(const Outcome& outcome) noexcept = 0;
};

class Scope {
 public:
  Scope() = default;
  explicit Scope(base::Time begun) { outcome.begun = begun; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  // Not ended before: it was cancelled, and the outcome's reason says client_gone unless it says
  // something else.
  ~Scope();

  void hold(std::unique_ptr<Guard> guard);
  void end() noexcept;  // with `outcome`; a second call does nothing
  bool has_ended() const { return has_ended_; }

  Outcome outcome;  // filled in as it becomes known

  // Between a retry and the balancer below it: opaque identities of endpoints.
  const void* avoid = nullptr;        // in: prefer another one than this
  const void* endpoint = nullptr;     // out: the one that was chosen
  bool has_alternatives = false;      // out: there was another healthy one

 private:
  std::vector<std::unique_ptr<Guard>> guards_;
  bool has_ended_ = false;
};

}  // namespace http
