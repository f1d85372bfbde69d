#include "filters/attempts.hpp"

#include <utility>

namespace filters {

http::Reply concluded(http::Reply reply, std::unique_ptr<http::Try> attempt) {
  if (reply) return http::ending_with_body(std::move(*reply), std::move(attempt));
  attempt->scope.outcome.reason = reply.error().reason;
  attempt->scope.end();
  return reply;
}

void give_up(http::Reply reply, std::unique_ptr<http::Try> attempt) {
  if (reply) {
    attempt->scope.outcome.status = reply->status;
    reply->body = http::Body();
  } else {
    attempt->scope.outcome.reason = reply.error().reason;
  }
  attempt->scope.end();
}

}  // namespace filters
