#include "proxy/http/message.hpp"

#include "proxy/http/grpc.hpp"

#include <array>

namespace http {
namespace {

constexpr std::array<std::string_view, 10> methods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other",
};

class EndingAttempt final : public WrappedSource {
 public:
  EndingAttempt(Body inner, std::unique_ptr<Try> attempt)
      : WrappedSource(std::move(inner)), attempt_(std::move(attempt)) {}
  ~EndingAttempt() override { inner_ = Body(); }  // before the scope that it came in

  Task<Result<Bytes>> read() override {
    Task<Result<Bytes>> piece = inner_.read();
    if (const Result<Bytes>* there = piece.value())
      note(*there);
    else
      piece = noted(std::move(piece));
    return piece;
  }

 private:
  Task<Result<Bytes>> noted(Task<Result<Bytes>> waiting) {
    Result<Bytes> piece = co_await waiting;
    note(piece);
    co_return piece;
  }
  void note(const Result<Bytes>& piece) {
    Scope& scope = attempt_->scope;
    if (!piece) scope.outcome.reason = piece.error().reason;
    if (piece && piece->empty())
      scope.outcome.grpc_status = grpc_status_in(inner_.trailers(), scope.outcome.grpc_status);
    if (!piece || piece->empty()) scope.end();
  }

  std::unique_ptr<Try> attempt_;
};

}  // namespace

Method method_from(std::string_view text) {
  for (std::size_t i = 0; i + 1 < methods.size(); ++i)
    if (methods[i] == text) return static_cast<Method>(i);
  return Method::other;
}

std::string_view to_string(Method method) {
  return methods[static_cast<std::size_t>(method)];
}

bool is_idempotent(Method method) {
  switch (method) {
    case Method::get:
    case Method::head:
    case Method::options:
    case Method::trace:
    case Method::put:
    case Method::delete_:
      return true;
    default:
      return false;
  }
}

Response ending_with_body(Response response, std::unique_ptr<Try> attempt) {
  attempt->is_answered_with();
  attempt->scope.outcome.status = response.status;
  attempt->scope.outcome.grpc_status = grpc_status_of(response);
  if (response.body.is_empty())
    attempt->scope.end();
  else
    response.body = Body(new EndingAttempt(std::move(response.body), std::move(attempt)));
  return response;
}

}  // namespace http
