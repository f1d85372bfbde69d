#include "proxy/http1/writer.hpp"

#include <charconv>

#include "proxy/http/characters.hpp"
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
  constexpr std::string_view colon = ": ";
  constexpr std::string_view line_end = "\r\n";
  std::size_t size = 0;
  for (const http::Headers::Field field : headers)
    size += field.name.size() + field.value.size() + colon.size() + line_end.size();
  const std::size_t before = out.size();
  out.resize(before + size);
  char* const begin = out.data();
  char* at = begin + before;
  const auto put = [&at](std::string_view text) {
    text.copy(at, text.size());
    at += text.size();
  };
  for (const http::Headers::Field field : headers) {
    char* const line = at;
    put(field.name);
    put(colon);
    const auto value_at = static_cast<std::size_t>(at - begin);
    put(field.value);
    const std::string_view written(begin, static_cast<std::size_t>(at - begin));
    if (http::find_control(written, value_at) == written.size())
      put(line_end);
    else
      at = line;
  }
  out.resize(static_cast<std::size_t>(at - begin));
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
