// Reads heads of HTTP/1.0 and 1.1 messages (RFC 9112) out of bytes in memory: no sockets, no copies;
// what it yields are views of the bytes it was given. Strict: what two implementations might read in
// two ways is refused. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "proxy/base/error.hpp"
#include "proxy/http/message.hpp"

namespace http1 {

struct HeadLimits {
  std::size_t header_bytes = 32 * 1024;  // of all field lines with their ends
  std::size_t header_count = 100;
  std::size_t target_bytes = 8 * 1024;
};

struct FieldView {
  std::string_view name, value;  // the name in the case it came in
  http::Name id = http::Name::other;
};

// How far the search for the end of a head has come. A head that comes in pieces is searched once;
// the bytes of the next call begin with those of the last. Wherever they are cut, the verdict is the
// same.
struct ScanState {
  std::size_t searched = 0;
  std::size_t line_start = 0;
  std::size_t head_start = 0;    // behind empty lines before it
  std::size_t fields_start = 0;  // behind the start line; 0 = that is still coming
};

// What both kinds of head have. Of a request's fields, host and transfer-encoding are understood
// here and not among fields(), and expect is there only if it is to be heeded; of a response's,
// transfer-encoding. content-length stands there without leading zeros, and not where it means
// nothing (RFC 9110 8.6: 1xx, 204).
class MessageHead {
 public:
  const std::vector<FieldView>& fields() const { return fields_; }
  std::size_t field_bytes() const { return field_bytes_; }

  int minor_version = 1;
  std::optional<std::uint64_t> content_length;
  bool is_chunked = false;
  bool keeps_alive = true;

 protected:
  friend class FieldReader;
  std::vector<FieldView> fields_;
  std::size_t field_bytes_ = 0;
};

struct ParsedRequest : MessageHead {
  std::string_view method;
  std::string_view path;       // begins with '/', with the query; or "*"; "" for CONNECT
  std::string_view authority;  // of the target if it has one, else of `host`
  bool is_websocket = false;   // asks for that upgrade, as RFC 6455 wants it
  bool expects_continue = false;
};

struct ParsedResponse : MessageHead {
  int status = 0;
  bool has_body = false;  // false also for length 0; without length or chunks: until the end
  std::optional<std::chrono::seconds> keep_alive_timeout;  // as `keep-alive: timeout=` has it
};

// The size of the head, with which `bytes` begins; 0 = more bytes are needed.
base::Result<std::size_t> parse_request_head(std::string_view bytes, const HeadLimits& limits,
                                             ScanState& scan, ParsedRequest& head);
base::Result<std::size_t> parse_response_head(std::string_view bytes, const HeadLimits& limits,
                                              http::Method request, ScanState& scan,
                                              ParsedResponse& head);

// To parse into and read from at once: each thread has one, so that no connection needs room.
ParsedRequest& scratch_request_head();
ParsedResponse& scratch_response_head();

}  // namespace http1
