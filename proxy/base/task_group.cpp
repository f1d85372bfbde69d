#include "proxy/base/task_group.hpp"

namespace base {
namespace detail {
namespace {

struct Started {
  using promise_type = Root::promise_type;
  Started(Root::Handle handle) : root(handle) {}
  Root::Handle root;
};

}  // namespace

void Root::promise_type::end() noexcept {
  if (child) child->root_ = nullptr;
  child = nullptr;
  unlink();
  group->ended_.push_back(*this);
  group->loop_.reap_later(*group);
}

}  // namespace detail

namespace {

detail::Started run(Task<> task) { co_await task; }

}  // namespace

Child::Child(detail::Root::promise_type* root) : root_(root) {
  if (root_) root_->child = this;
}

Child::Child(Child&& other) noexcept : Child(std::exchange(other.root_, nullptr)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  cancel();
  root_ = std::exchange(other.root_, nullptr);
  if (root_) root_->child = this;
  return *this;
}

void Child::cancel() {
  if (root_) root_->end();
}

void Child::release() {
  if (root_) std::exchange(root_, nullptr)->child = nullptr;
}

Child TaskGroup::spawn(Task<> task) {
  detail::Root::promise_type& root = run(std::move(task)).root.promise();
  root.group = this;
  roots_.push_back(root);
  Child child(&root);
  detail::Root::Handle::from_promise(root).resume();
  return child;
}

void TaskGroup::cancel_all() {
  while (detail::Root::promise_type* root = roots_.pop_front()) {
    if (root->child) root->child->root_ = nullptr;
    root->child = nullptr;
    root->destroy();
  }
  reap();
}

void TaskGroup::reap() noexcept {
  while (detail::Root::promise_type* root = ended_.pop_front()) root->destroy();
}

}  // namespace base
