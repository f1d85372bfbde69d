// A body that can be sent again: what its reader pulls is kept, up to a bound, so that a second
// attempt reads it from the start and goes on live. The first MiB stays in memory, what is beyond goes
// to an unlinked file. One reader at a time. One thread.
#pragma once

#include <memory>
#include <vector>

#include "proxy/base/spill_file.hpp"
#include "proxy/http/body.hpp"

namespace http {

class Recording {
 public:
  // Takes the body; keeps at most `limit` bytes of it. No body costs nothing.
  Recording(Body body, std::uint64_t limit);

  // The body from its start. Only while intact(); the one before must be gone.
  Body cursor();
  // Nothing that was read is lost.
  bool intact() const { return !tape_ || tape_->is_intact; }
  // There will be no other cursor: what was read need not be kept.
  void stop() {
    if (tape_) tape_->is_intact = false;
  }

 private:
  struct Tape {
    Body source;
    std::uint64_t limit;
    std::uint64_t in_memory = 0;
    std::vector<Bytes> pieces;
    base::SpillFile beyond;
    std::optional<Error> failure;
    bool has_ended = false;
    bool is_intact = true;

    void keep(const Bytes& piece);
  };
  class Cursor;

  std::shared_ptr<Tape> tape_;
};

}  // namespace http
