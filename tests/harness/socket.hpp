// A blocking socket for scripted peers: says exactly the bytes it is told to, and reads with a time
// limit, so that a test that waits in vain fails instead of hanging. Clear, or TLS once secured. One
// thread at a time.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "proxy/base/address.hpp"
#include "tests/harness/tls.hpp"

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

  // Shakes hands; false = it failed, and the connection is of no use.
  bool secure(const Tls& tls, TlsEnd::Role role);
  // What ALPN agreed on; "" = nothing, or clear.
  std::string protocol() const { return tls_ ? tls_->protocol() : std::string(); }

  bool is_open() const { return descriptor_ >= 0; }
  int descriptor() const { return descriptor_; }
  // False = the peer is gone.
  bool send(std::string_view bytes);
  // Some bytes; "" = the end, or a reset (see was_reset; also TLS without close_notify). Throws
  // Silence after ten seconds.
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
  // Of the last chunked body, line by line.
  const std::string& trailers() const { return trailers_; }
  // The next final response; a response to HEAD has no body.
  Answer read_answer(bool is_head = false);

  void finish();  // close_notify and FIN: nothing more will be sent
  void reset();   // RST
  void cut();     // closes; TLS without close_notify
  void close();

 private:
  std::string take(std::size_t count);

  int descriptor_ = -1;
  bool was_reset_ = false;
  std::string unread_;
  std::string trailers_;
  std::unique_ptr<TlsEnd> tls_;
};

// The value of a field in a head as read_head() gives it; "" = none.
std::string field_of(std::string_view head, std::string_view name);

}  // namespace harness
