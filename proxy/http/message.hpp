// A request and a response as filters see them: no version, no framing. `headers` holds neither
// hop-by-hop fields nor `host` (authority) nor `transfer-encoding`; `content-length` stands there
// if, and only if, it is exact. One thread.
#pragma once

#include "proxy/base/error.hpp"
#include "proxy/base/shared_text.hpp"
#include "proxy/http/attempt.hpp"
#include "proxy/http/body.hpp"
#include "proxy/http/headers.hpp"
#include "proxy/http/interim.hpp"
#include "proxy/http/scope.hpp"
#include "proxy/http/stream_info.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace http {

enum class Method : std::uint8_t {
  get,
  head,
  post,
  put,
  delete_,
  connect,
  options,
  trace,
  patch,
  other,
};

Method method_from(std::string_view text);  // case-sensitive, RFC 9110 9.1
std::string_view to_string(Method method);  // "other" for other
bool is_idempotent(Method method);          // GET HEAD OPTIONS TRACE PUT DELETE

// What every request is made of. A copy shares texts and headers with what it was made from.
struct RequestHead {
  Method method = Method::get;
  base::SharedText other_method;  // the text, if method is other
  std::string_view scheme;        // "http" or "https"
  base::SharedText authority;     // as received; never empty unless HTTP/1.0 named none
  base::SharedText path;          // with the query; "*" for OPTIONS *; "" for CONNECT
  std::string_view protocol;      // "" or "websocket"
  bool accepts_trailers = false;  // te: trailers
  Headers headers;

  std::string_view method_text() const {
    return method == Method::other ? other_method.view() : to_string(method);
  }
  // What follows the head is no content: bytes of a tunnel, both ways, once it is answered so.
  bool asks_for_tunnel() const { return method == Method::connect || !protocol.empty(); }
  std::string_view path_only() const { return path.view().substr(0, path.view().find('?')); }
};

// Whoever may call `next` twice forks the request before each call, which copies no text.
struct Request : RequestHead {
  Request(RequestHead&& head, Body payload, Interim& to, Scope& within, StreamInfo& about)
      : RequestHead(std::move(head)),
        body(std::move(payload)),
        interim(to),
        scope(within),
        attempt(about.attempt),
        info(about) {}

  // The same head as another attempt, with another body.
  Request fork(Try& another, Body replay) const {
    return Request(*this, std::move(replay), interim, another, info);
  }

  Body body;
  Interim& interim;
  Scope& scope;
  Attempt& attempt;
  StreamInfo& info;

 private:
  Request(const RequestHead& head, Body payload, Interim& to, Try& within, StreamInfo& about)
      : RequestHead(head),
        body(std::move(payload)),
        interim(to),
        scope(within.scope),
        attempt(within.attempt),
        info(about) {}
};

// By what answers to the same path are told apart that are kept or shared: two routes may ask two hosts
// of one cluster, and change what they ask each in its way.
inline std::string asked_of(const Request& request) {
  std::string text(request.info.route);
  const std::string_view host = request.info.rewritten_host;
  return text.append(" ").append(host.empty() ? request.authority.view() : host);
}

struct Response {
  int status = 0;
  Headers headers;
  Body body;
  bool is_from_upstream = true;              // false: made by the proxy
  base::Reason reason = base::Reason::none;  // of one that stands for a failure
  bool is_unsent = false;  // whoever is behind says that nothing of the request went on
  // Of a gRPC call whose trailers came with its head, without a message between; else -1.
  int trailing_grpc_status = -1;
};

using Reply = Result<Response>;  // a response, or why there is none

// The response that is answered with, whose attempt ends with its body: what a filter that began
// attempts returns (retries, hedges).
Response ending_with_body(Response response, std::unique_ptr<Try> attempt);

}  // namespace http
