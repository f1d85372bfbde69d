#include "proxy/net/detect.hpp"

#include <algorithm>
#include <string>

namespace net {
namespace {

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t method_size = 3;  // no HTTP/1 client says "PRI "

enum class Verdict : std::uint8_t { http1, h2, open };

Verdict judge(std::string_view begun) {
  const std::size_t known = std::min(begun.size(), preface.size());
  if (begun.substr(0, known) != preface.substr(0, known)) return Verdict::http1;
  return known == preface.size() ? Verdict::h2 : Verdict::open;
}

Error gone() {
  return {base::Reason::client_gone, base::Fault::downstream, "the client left before a request"};
}

}  // namespace

Task<Result<Detected>> detect(Transport& transport, base::Millis idle, base::Millis rest) {
  Time until = transport.loop().now() + idle;
  Detected found;
  for (;;) {
    Input input = transport.read_now();
    if (input.state == Input::State::end || input.state == Input::State::failed) co_return gone();
    if (input.state == Input::State::would_block) {
      const bool came = co_await transport.readable(until);
      if (came) continue;
      const bool is_begun = !found.read.empty() && found.read.size() <= method_size;
      if (is_begun) co_return found;
      co_return Error{base::Reason::request_timeout, base::Fault::downstream, "a silent client"};
    }
    if (found.read.empty()) {
      found.begun = transport.loop().now();
      until = found.begun + rest;
      found.read = std::move(input.bytes);
    } else {
      found.read = Bytes::copy_of(std::string(found.read.view()).append(input.bytes.view()));
    }
    const Verdict verdict = judge(found.read.view());
    if (verdict == Verdict::open) {
      found.read.compact();
      continue;
    }
    found.is_h2 = verdict == Verdict::h2;
    co_return found;
  }
}

}  // namespace net
