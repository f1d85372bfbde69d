#include "proxy/http/scope.hpp"

#include <utility>

namespace http {

Scope::~Scope() {
  if (has_ended_) return;
  if (outcome.reason == base::Reason::none) outcome.reason = given_up_by();
  end();
}

void Scope::hold(std::unique_ptr<Guard> guard) {
  guard->outer_ = std::move(innermost_);
  innermost_ = std::move(guard);
}

void Scope::end() noexcept {
  if (std::exchange(has_ended_, true)) return;
  while (innermost_) {
    const std::unique_ptr<Guard> guard = std::move(innermost_);
    innermost_ = std::move(guard->outer_);
    guard->ended(outcome);
  }
}

}  // namespace http
