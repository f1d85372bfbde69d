// Boost.Beast's parser as a second opinion: what ours accepts, it must accept and read the same way.
// Where the two differ by intent:
//   - ours skips up to four empty lines before a request; they are not given to Beast;
//   - Beast reads proxy-connection as if it were connection; messages that have it are not compared;
//   - with both `close` and `keep-alive` on HTTP/1.0 Beast keeps the connection, ours closes it;
//   - ours takes a status line that ends behind the status; Beast wants the space before the phrase;
//   - Beast applies content-length, transfer-encoding and connection of a trailer section to the
//     message, and refuses it; ours drops them;
//   - in a response ours takes a connection field that is no list of tokens for `close`, Beast
//     refuses it.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <map>
#include <string>
#include <string_view>

#include "proxy/base/ascii.hpp"
#include "proxy/http1/parser.hpp"
#include "tests/fuzz/pieces.hpp"

namespace fuzz {

namespace beast = boost::beast::http;

inline constexpr std::uint32_t header_limit = 256 * 1024;

inline std::string_view plain(boost::beast::string_view text) { return {text.data(), text.size()}; }

inline bool has_proxy_connection(const http1::MessageHead& head) {
  for (const http1::FieldView& field : head.fields())
    if (base::same_ignoring_case(field.name, "proxy-connection")) return true;
  return false;
}

inline bool says_keep_alive(const http1::MessageHead& head) {
  bool says = false;
  for (const http1::FieldView& field : head.fields())
    if (field.id == http::Name::connection)
      base::for_each_element(field.value, [&says](std::string_view element) {
        says = says || base::same_ignoring_case(element, "keep-alive");
        return !says;
      });
  return says;
}

// The n-th field of a name that ours hands on is the n-th of that name in Beast's table.
template <typename Fields>
void compare_fields(const http1::MessageHead& ours, const Fields& theirs) {
  std::map<std::string, std::size_t> seen;
  for (const http1::FieldView& field : ours.fields()) {
    auto [at, end] = theirs.equal_range({field.name.data(), field.name.size()});
    for (std::size_t n = seen[base::lower_case(field.name)]++; n > 0 && at != end; --n) ++at;
    require(at != end, "Beast has each of our fields");
    std::string_view value = plain(at->value());
    if (field.id == http::Name::content_length)
      value.remove_prefix(std::min(value.find_first_not_of('0'), value.size() - 1));
    require(value == field.value, "Beast has the same value");
  }
}

}  // namespace fuzz
