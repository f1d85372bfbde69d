#include "proxy/http/message.hpp"

#include <array>

#include "proxy/base/ascii.hpp"

namespace http {
namespace {

constexpr std::array<std::string_view, 10> methods = {
    "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other",
};

class Scoped final : public WrappedSource {
 public:
  Scoped(Body inner, std::unique_ptr<Scope> scope)
      : WrappedSource(std::move(inner)), scope_(std::move(scope)) {}

  Task<Result<Bytes>> read() override {
    Result<Bytes> piece = co_await inner_.read();
    if (!piece) scope_->outcome.reason = piece.error().reason;
    if (piece && piece->empty()) note_grpc_status();
    if (!piece || piece->empty()) scope_->end();
    co_return piece;
  }

 private:
  void note_grpc_status() {
    const auto text = inner_.trailers().find(Name::grpc_status);
    if (!text) return;
    if (const auto status = base::parse_decimal<unsigned>(*text))
      scope_->outcome.grpc_status = static_cast<int>(*status);
  }

  std::unique_ptr<Scope> scope_;
};

}  // namespace

Method method_from(std::string_view text) {
  for (std::size_t i = 0; i + 1 < methods.size(); ++i)
    if (methods[i] == text) return static_cast<Method>(i);
  return Method::other;
}

std::string_view to_string(Method method) { return methods[static_cast<std::size_t>(method)]; }

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

Response ending_with_body(Response response, std::unique_ptr<Scope> scope) {
  scope->outcome.status = response.status;
  if (response.body.is_empty())
    scope->end();
  else
    response.body = Body(new Scoped(std::move(response.body), std::move(scope)));
  return response;
}

}  // namespace http
