#include "proxy/admin/page.hpp"

#include "proxy/admin/page_text.hpp"
#include "proxy/admin/routes.hpp"

#include <array>
#include <string>
#include <sys/random.h>

namespace admin {
namespace {

// 128 bits that nobody can guess.
std::string fresh_nonce() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

std::string with_nonce(std::string_view text, std::string_view nonce) {
  constexpr std::string_view mark = "{nonce}";
  std::string whole;
  for (std::size_t at = text.find(mark); at != text.npos; at = text.find(mark)) {
    whole.append(text.substr(0, at)).append(nonce);
    text.remove_prefix(at + mark.size());
  }
  return whole.append(text);
}

}  // namespace

bool wants_page(const http::Request& request) {
  const auto accepted = request.headers.find("accept");
  return accepted && accepted->find("text/html") != accepted->npos;
}

http::Response page() {
  const std::string nonce = fresh_nonce();
  http::Response response = say(200, with_nonce(page_text, nonce), "text/html; charset=utf-8");
  response.headers.add("content-security-policy",
                       "default-src 'none'; script-src 'nonce-" + nonce + "'; style-src 'nonce-" +
                           nonce +
                           "'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
                           "frame-ancestors 'none'");
  response.headers.add("x-content-type-options", "nosniff");
  response.headers.add("referrer-policy", "no-referrer");
  return response;
}

}  // namespace admin
