// Reads a body whole.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/http/body.hpp"

#include <string>

namespace http_test {

inline base::Task<> read_all(http::Body& body, std::string& into) {
  for (;;) {
    auto piece = co_await body.read();
    if (!piece || piece->empty()) co_return;
    into.append(piece->view());
  }
}

// Of one whose bytes are there, or come while the loop settles.
inline std::string text_of(http::Body& body, base::Loop& loop) {
  std::string text;
  base::TaskGroup tasks(loop);
  tasks.spawn(read_all(body, text)).release();
  loop.settle();
  return text;
}

}  // namespace http_test
