// The memory of one nghttp2 session. Two of its parts are large and hold nothing while no stream is
// open: the table of streams, and the buffer for the frame that goes out. They lie in pages of
// their own, of which those that were written can be given back while the connection rests. The small
// parts, of which each stream has some, come from the thread's pool. Owned by a Session, whose thread
// it is used by.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstddef>

namespace http2 {

class SessionMemory {
 public:
  SessionMemory();
  SessionMemory(const SessionMemory&) = delete;
  SessionMemory& operator=(const SessionMemory&) = delete;
  ~SessionMemory();  // when nghttp2 has given everything back

  // What nghttp2 is to ask; it takes a copy.
  nghttp2_mem interface();
  // No frame is being sent: gives back what holds nothing, to be zeros when it is written again.
  void rest();

 private:
  struct Calls;

  bool is_table(const void* it) const { return pages_ && it == pages_; }
  bool is_buffer(const void* it) const;
  bool holds_streams() const;

  char* pages_;  // the table's, then the buffer's; null: everything comes from the heap
  bool has_table_ = false;
  bool has_buffer_ = false;
};

}  // namespace http2
