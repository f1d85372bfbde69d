#include "proxy/http1/writer.hpp"

#include <charconv>

#include "proxy/http/characters.hpp"
#include "proxy/http/status.hpp"
#include "proxy/http1/fields.hpp"

namespace http1 {
namespace {


}  // namespace

void write_request_line(std::string& out, std::string_view method, std::string_view target) {
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
}

void write_status_line(std::string& out, int status) {
  char start[] = "HTTP/1.1 000 ";
  std::to_chars(start + 9, start + 12, status);
  out.append(start, sizeof start - 1).append(http::reason_phrase(status)).append("\r\n");
}

// A value that would end its line does not come out of a parser; should a filter make one, its field
// is left out. Looked for where it was written: among so much text 16 bytes can be read at a time.
void write_fields(std::string& out, const http::Headers& headers) {
  for (const http::Headers::Field field : headers) {
    const std::size_t before = out.size();
    out.append(field.line());
    const std::string_view written(out.data(), out.size() - line_end.size());
    if (http::find_control(written, written.size() - field.value.size()) != written.size())
      out.resize(before);
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
