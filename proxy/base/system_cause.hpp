// The operating system's word for what has just failed, as an Error's cause. Any thread.
#pragma once

#include <boost/system/error_code.hpp>

#include <cerrno>

namespace base {

inline boost::system::error_code system_cause(int number = errno) {
  return {number, boost::system::system_category()};
}

}  // namespace base
