// A received header section, field by field: pseudo-header fields apart, cookie crumbs joined,
// `host` held against :authority, and everything counted as it is decoded. nghttp2 has checked
// characters and the fields of RFC 9113 8.2.2 before. A value.
#pragma once

#include "proxy/base/shared_text.hpp"
#include "proxy/http/headers.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace http2 {

struct SessionLimits {
  std::uint32_t streams = 100;           // that the peer may open
  std::size_t header_bytes = 32 * 1024;  // of one received header section, decoded
  std::size_t header_count = 100;
  std::size_t trailer_bytes = 32 * 1024;
  std::size_t target_bytes = 8 * 1024;
};

struct Section {
  enum class Kind : std::uint8_t { head, trailers };

  // False: so much over the limits that the stream is to be reset. What is merely over them is
  // dropped and marked.
  bool take(Kind kind, std::string_view name, std::string_view value, const SessionLimits& limits);
  // After the last field.
  void complete();
  bool is_over_limits() const { return is_too_large || has_too_many_fields; }

  std::string method, scheme;
  base::SharedText authority, path;
  std::string protocol;  // of an extended CONNECT (RFC 8441)
  int status = 0;
  http::Headers headers;
  std::size_t bytes = 0;
  std::size_t count = 0;
  bool is_too_large = false;
  bool has_too_many_fields = false;
  bool is_target_too_long = false;
  bool is_malformed = false;

 private:
  void take_pseudo(std::string_view name, std::string_view value, const SessionLimits& limits);
  void take_host(std::string_view value);

  base::SharedText host_;
  std::string cookie_;
  bool has_host_ = false;
  bool has_cookie_ = false;
};

}  // namespace http2
