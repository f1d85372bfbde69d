#include "proxy/http1/writer.hpp"

#include <charconv>

#include "proxy/http/status.hpp"

namespace http1 {

void write_request_line(std::string& out, std::string_view method, std::string_view target) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
}

void write_status_line(std::string& out, int status) {
  char digits[4];
  std::to_chars(digits, digits + sizeof digits, status);
  out.append("HTTP/1.1 ").append(digits, 3).append(" ");
  out.append(http::reason_phrase(status)).append("\r\n");
}

void write_fields(std::string& out, const http::Headers& headers) {
  for (const http::Headers::Field field : headers) {
    if (field.value.find_first_of(std::string_view("\r\n\0", 3)) != field.value.npos) continue;
    out.append(field.name).append(": ").append(field.value).append("\r\n");
  }
}

void write_chunk_size(std::string& out, std::size_t size) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, size, 16).ptr;
  out.append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
}

void write_last_chunk(std::string& out, const http::Headers& trailers) {
  out += "0\r\n";
  write_fields(out, trailers);
  out += "\r\n";
}

}  // namespace http1
