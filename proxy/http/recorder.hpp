// A body that can be sent again: what its reader pulls is kept, up to a bound, so that a second
// attempt reads it from the start and goes on live. One reader at a time. One thread.
#pragma once

#include <memory>
#include <vector>

#include "proxy/http/body.hpp"

namespace http {

class Recording {
 public:
  // Takes the body; keeps at most `limit` bytes of it. No body costs nothing.
  Recording(Body body, std::size_t limit);

  // The body from its start. Only while intact() or before the first; the one before must be gone.
  Body cursor();
  // Nothing that was read is lost.
  bool intact() const { return !tape_ || tape_->is_intact; }

 private:
  struct Tape {
    Body source;
    std::size_t limit;
    std::size_t bytes = 0;
    std::vector<Bytes> pieces;
    std::optional<Error> failure;
    bool has_ended = false;
    bool is_intact = true;
  };
  class Cursor;

  std::shared_ptr<Tape> tape_;
};

}  // namespace http
