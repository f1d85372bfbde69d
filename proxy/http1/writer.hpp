// Writes heads and chunk framing, from scratch, to the end of a buffer. Field values that could break
// a head apart (CR, LF, NUL) are never written: such a field is left out. Pure.
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/headers.hpp"

namespace http1 {

void write_request_line(std::string& out, std::string_view method, std::string_view target);
void write_status_line(std::string& out, int status);
void write_fields(std::string& out, const http::Headers& headers);
void write_chunk_size(std::string& out, std::size_t size);
void write_last_chunk(std::string& out, const http::Headers& trailers);

}  // namespace http1
