// The codes of a library and its words for them: what an Error may have for a cause. Lives as long as
// the process; any thread.
#pragma once

#include <boost/system/error_category.hpp>

#include <string>

namespace base {

// Boost's class has no virtual destructor; nobody deletes a category through it.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"

class ErrorCategory final : public boost::system::error_category {
 public:
  using Message = std::string (*)(int code);
  ErrorCategory(const char* called, Message words) : name_(called), words_(words) {}

  const char* name() const noexcept override { return name_; }
  std::string message(int code) const override { return words_(code); }

 private:
  const char* name_;
  Message words_;
};

#pragma GCC diagnostic pop

}  // namespace base
