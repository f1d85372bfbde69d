// Bounds the size of requests' and responses' bodies. What announces too much is refused at once,
// what grows too large is cut.
#include "filters/registry.hpp"
#include "proxy/http/final_head.hpp"

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Body;
using http::Next;
using http::Reply;
using http::Request;

struct Options {
  std::uint64_t request = 10 * 1024 * 1024;
  std::uint64_t response = 0;
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      size<Options>("request", &Options::request, "10MiB", "of a request's body; 0 = any"),
      size<Options>("response", &Options::response, "0", "of a response's body; 0 = any"),
  };
  return rows;
}

class Limited final : public http::WrappedSource {
 public:
  Limited(Body inner, std::uint64_t limit, Error beyond)
      : WrappedSource(std::move(inner)), left_(limit), beyond_(beyond) {}

  Task<Result<base::Bytes>> read() override {
    Result<base::Bytes> piece = co_await inner_.read();
    if (!piece) co_return piece;
    if (piece->size() > left_) co_return beyond_;
    left_ -= piece->size();
    co_return piece;
  }

 private:
  std::uint64_t left_;
  Error beyond_;
};

const Error request_too_large{Reason::body_too_large, Fault::downstream,
                              "the request's body is larger than body_limit allows"};
const Error response_too_large{Reason::response_too_large, Fault::upstream,
                               "the response's body is larger than body_limit allows"};

// Whether the body announces to be too large; else it is watched, if it has to be.
bool bound(Body& body, std::uint64_t limit, const Error& beyond) {
  if (limit == 0 || body.is_empty()) return true;
  const auto size = body.size();
  if (size) return *size <= limit;
  body = Body(new Limited(std::move(body), limit, beyond));
  return true;
}

class BodyLimit final : public http::Filter {
 public:
  explicit BodyLimit(const Options& options) : options_(options) {}

  Task<Reply> handle(Request& request, Next next) override {
    // A tunnel's bytes are no content.
    if (!request.asks_for_tunnel() && !bound(request.body, options_.request, request_too_large))
      return Reply(request_too_large);
    return options_.response == 0 ? next(request) : with_response(request, next);
  }

 private:
  Task<Reply> with_response(Request& request, Next next) {
    Reply reply = co_await next(request);
    if (!reply || http::opens_tunnel(reply->status, request.method)) co_return reply;
    if (bound(reply->body, options_.response, response_too_large)) co_return reply;
    co_return response_too_large;
  }

  const Options& options_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("body_limit", "bounds the size of bodies");

}  // namespace

const Entry body_limit = {
    &spec, [](const config::FilterConfig& config, const FilterContext&) {
      return std::unique_ptr<http::Filter>(std::make_unique<BodyLimit>(config.as<Options>()));
    }};

}  // namespace filters
