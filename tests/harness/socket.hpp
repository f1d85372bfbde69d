// A blocking socket for scripted peers: says exactly the bytes it is told to, and reads with a time
// limit, so that a test that waits in vain fails instead of hanging. One thread at a time.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/base/address.hpp"

namespace harness {

// What was waited for did not come.
struct Silence : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Answer {
  int status = 0;
  std::string head;  // the start line and the fields, without the empty line
  std::string body;
  bool is_whole = true;  // the body came to its end

  // The first field of that name (any case); "" = none.
  std::string field(std::string_view name) const;
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { close(); }
  static Socket connect(const base::Address& address);

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  // False = the peer is gone.
  bool send(std::string_view bytes);
  // Some bytes; "" = the end, or a reset (see was_reset). Throws Silence after ten seconds.
  std::string read_some();
  // Up to and with `mark`; what came behind it stays. Shorter = the end came first.
  std::string read_until(std::string_view mark);
  std::string read_exactly(std::size_t count);
  std::string read_to_end();
  bool was_reset() const { return was_reset_; }

  // A message's head, without the empty line; "" = the end came first.
  std::string read_head();
  // The body that goes with a head, content-length or chunked (decoded).
  std::string read_body(std::string_view head, bool& is_whole);
  // The next final response; a response to HEAD has no body.
  Answer read_answer(bool is_head = false);

  void finish();  // FIN: nothing more will be sent
  void reset();   // RST
  void close();

 private:
  std::string take(std::size_t count);

  int descriptor_ = -1;
  bool was_reset_ = false;
  std::string unread_;
};

// The value of a field in a head as read_head() gives it; "" = none.
std::string field_of(std::string_view head, std::string_view name);

}  // namespace harness
