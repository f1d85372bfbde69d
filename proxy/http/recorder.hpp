// A body that can be sent more than once: what its readers pull is kept, up to a bound, so that
// each attempt reads it from the start and goes on live, one after the other or several at once.
// The first MiB stays in memory, what is beyond goes to an unlinked file, which is written and read
// beside the loop: at most another MiB waits for the disk, then whoever reads waits as well. Once
// the body has outgrown its bound, or the file takes no more, nobody else can begin: what was kept
// stays for those who have begun, until all have it behind them, and whoever lags behind the others
// is dropped when more than the bound, or 2 MiB, would stay in memory for it. One thread.
#pragma once

#include "proxy/base/executor.hpp"
#include "proxy/base/loop.hpp"
#include "proxy/http/body.hpp"

#include <memory>

namespace http {

class Recording {
 public:
  // Takes the body; keeps at most `limit` bytes of it. No body costs nothing. files: null = they
  // are waited for in place.
  Recording(base::Loop& loop, Body body, std::uint64_t limit, base::Executor* files = nullptr);

  // The body from its start. Only while is_intact().
  Body cursor();
  // Nothing that was read is lost, nor is it stopped.
  bool is_intact() const;
  // Something was lost because the file had no room for it.
  bool has_no_room() const;
  // There will be no other cursor: what all have read need not be kept. Nobody is dropped for that.
  void stop();

 private:
  class Tape;
  class Cursor;

  std::shared_ptr<Tape> tape_;
};

}  // namespace http
