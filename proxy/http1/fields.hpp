// The field lines of a head or a trailer section, and what they say about framing. Shared by the
// parsers of requests, responses and chunked bodies.
#pragma once

#include "proxy/http1/parser.hpp"

namespace http1 {

inline constexpr std::size_t longest_method = 64;
inline constexpr std::string_view line_end = "\r\n";

enum class Side : std::uint8_t { request, response };

base::Error refused(Side side, std::string_view why, base::Reason of_request);

// Of a head, or of trailers.
base::Error too_many_fields(Side side);

// Finds the end of a head: the offset behind its empty line, 0 = not there yet. Checks, in the
// order in which the bytes come, that there are no controls but the CRLF that ends a line, and that
// neither the start line nor all field lines together are too long.
base::Result<std::size_t> find_head_end(std::string_view bytes, Side side, const HeadLimits& limits,
                                        ScanState& scan);

// One line without its CRLF: "name: value".
base::Result<FieldView> parse_field_line(std::string_view line, Side side);

// Reads field lines into a head.
class FieldReader {
 public:
  FieldReader(MessageHead& head, Side side) : head_(head), side_(side) {}

  // `lines`: all field lines, each with its CRLF, as find_head_end() leaves them.
  base::Result<void> read(std::string_view lines, const HeadLimits& limits);
  // After read(): content-length, transfer-encoding and connection are consistent.
  base::Result<void> decide_framing();
  // For a response that must not have a length: takes it away.
  void forget_body();
  void forget(http::Name name);

  std::optional<std::string_view> host;
  bool has_upgrade_option = false;    // connection: upgrade
  std::string_view upgrade;           // "" also for several
  std::string_view expect;
  std::string_view keep_alive;
  std::string_view websocket_key;

 private:
  base::Result<void> note(FieldView field);
  base::Result<void> note_length(std::string_view& value);
  base::Result<void> note_connection(std::string_view options);

  MessageHead& head_;
  Side side_;
  std::string_view coding_;
  bool has_coding_ = false;
  bool has_expect_ = false;
  bool has_upgrade_ = false;
  bool has_websocket_key_ = false;
  bool says_close_ = false;
  bool says_keep_alive_ = false;
};

}  // namespace http1
