#include "proxy/http/scope.hpp"

namespace http {

Scope::~Scope() {
  if (has_ended_) return;
  if (outcome.reason == base::Reason::none) outcome.reason = base::Reason::client_gone;
  end();
}

void Scope::hold(std::unique_ptr<Guard> guard) { guards_.push_back(std::move(guard)); }

void Scope::end() noexcept {
  if (has_ended_) return;
  has_ended_ = true;
  while (!guards_.empty()) {
    const std::unique_ptr<Guard> guard = std::move(guards_.back());
    guards_.pop_back();
    guard->ended(outcome);
  }
}

}  // namespace http
