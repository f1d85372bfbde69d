// An intrusive doubly linked list. A Link takes itself out of its list when it dies, so that what
// waits in a list may be destroyed at any time. One thread.
#pragma once

#include <cassert>

namespace base {

class Link {
 public:
  Link() = default;
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;
  ~Link() { unlink(); }

  bool is_linked() const { return next_ != nullptr; }
  void unlink() {
    if (!next_) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  template <typename T>
  friend class List;
  Link* next_ = nullptr;
  Link* previous_ = nullptr;
};

// Holds T, which derives from Link; owns none of them.
template <typename T>
class List {
 public:
  List() { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { while (pop_front()) {} head_.next_ = nullptr; }

  bool empty() const { return head_.next_ == &head_; }
  T* front() const { return empty() ? nullptr : static_cast<T*>(head_.next_); }
  T* back() const { return empty() ? nullptr : static_cast<T*>(head_.previous_); }
  // The one before `item`, or null.
  T* before(const T& item) const {
    Link* previous = static_cast<const Link&>(item).previous_;
    return previous == &head_ ? nullptr : static_cast<T*>(previous);
  }
  // The one behind `item`, or null.
  T* after(const T& item) const {
    Link* next = static_cast<const Link&>(item).next_;
    return next == &head_ ? nullptr : static_cast<T*>(next);
  }
  T* pop_front() {
    T* item = front();
    if (item) static_cast<Link*>(item)->unlink();
    return item;
  }
  void push_back(T& item) { insert_before(head_, item); }
  void push_front(T& item) { insert_before(*head_.next_, item); }
  // Moves all that `other` holds to the end of this list.
  void take(List& other) {
    if (other.empty()) return;
    Link* first = other.head_.next_;
    Link* last = other.head_.previous_;
    first->previous_ = head_.previous_;
    head_.previous_->next_ = first;
    last->next_ = &head_;
    head_.previous_ = last;
    other.head_.next_ = other.head_.previous_ = &other.head_;
  }

 private:
  static void insert_before(Link& where, Link& item) {
    assert(!item.is_linked());
    item.next_ = &where;
    item.previous_ = where.previous_;
    where.previous_->next_ = &item;
    where.previous_ = &item;
  }

  Link head_;
};

}  // namespace base
