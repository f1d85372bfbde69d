// A text that never changes and that its copies share: a path, a host, an endpoint's name, which
// all attempts of an exchange have. Copying one counts a reference; a view of it holds as long as
// any of its copies. A value; the thread that made it: the counts are not atomic.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

namespace base {

class SharedText {
 public:
  SharedText() = default;
  // Whatever is a text: the one that copies it.
  template <typename Text>
    requires std::convertible_to<const Text&, std::string_view> &&
             (!std::same_as<Text, SharedText>)
  SharedText(const Text& text) : SharedText(std::string_view(text), nullptr) {}  // NOLINT
  SharedText(const SharedText& other) noexcept : store_(other.store_) {
    if (store_) ++store_->references;
  }
  SharedText(SharedText&& other) noexcept : store_(std::exchange(other.store_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(store_, other.store_);
    return *this;
  }
  ~SharedText() {
    if (store_ && --store_->references == 0) give_back(store_);
  }

  std::string_view view() const {
    return store_ ? std::string_view(store_->text(), store_->size) : std::string_view();
  }
  operator std::string_view() const { return view(); }  // NOLINT
  bool empty() const { return !store_; }
  std::size_t size() const { return store_ ? store_->size : 0; }

  friend bool operator==(const SharedText& a, const SharedText& b) {
    return a.store_ == b.store_ || a.view() == b.view();
  }
  template <typename Text>
    requires std::convertible_to<const Text&, std::string_view> &&
             (!std::same_as<Text, SharedText>)
  friend bool operator==(const SharedText& a, const Text& b) {
    return a.view() == std::string_view(b);
  }

 private:
  struct Store {
    std::uint32_t references;
    std::uint32_t size;
    char* text() { return reinterpret_cast<char*>(this + 1); }
  };

  SharedText(std::string_view text, std::nullptr_t)
      : store_(text.empty() ? nullptr : store_of(text)) {}
  static Store* store_of(std::string_view text);
  static void give_back(Store* store) noexcept;

  Store* store_ = nullptr;  // null = ""
};

}  // namespace base
