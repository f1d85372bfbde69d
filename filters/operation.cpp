// Finds out what an exchange is about where the path does not say it, for the access log: the name
// of a GraphQL operation. A body is looked at as it passes, none is held.
#include "filters/graphql_operation.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace filters {
namespace {

using base::Bytes;
using base::Result;
using base::Task;
using http::Body;
using http::Name;
using http::Next;
using http::Reply;
using http::Request;

constexpr std::uint64_t largest = 64 * 1024;  // a body that is looked at
constexpr std::string_view parameter = "operationName=";

struct Options {
  bool graphql = true;
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      boolean("graphql", &Options::graphql, "true",
              "by operationName, of the query or of a JSON body of at most 64 KiB"),
  };
  return rows;
}

// Finds the operation's name in a body as it passes.
class Looked final : public http::WrappedSource {
 public:
  Looked(Body inner, http::StreamInfo& info) : WrappedSource(std::move(inner)), info_(info) {}

  bool can_rewind() const override { return inner_.can_rewind(); }
  void rewind() override {
    inner_.rewind();
    operation_ = {};
    is_over_ = false;
  }
  Task<Result<Bytes>> read() override {
    Result<Bytes> piece = co_await inner_.read();
    if (piece && !is_over_) {
      is_over_ = operation_.pass(piece->view());
      if (is_over_) info_.operation = operation_.name();
    }
    co_return piece;
  }

 private:
  http::StreamInfo& info_;
  GraphqlOperation operation_;
  bool is_over_ = false;
};

bool is_small_json(const Request& request) {
  if (request.body.is_empty()) return false;
  const std::optional<std::uint64_t> size = request.body.size();
  if (!size || *size > largest) return false;
  const auto type = request.headers.find(Name::content_type);
  return type &&
         base::same_ignoring_case(base::trim(type->substr(0, type->find(';'))), "application/json");
}

std::string_view name_in_query(std::string_view path) {
  const std::size_t begin = path.find('?');
  if (begin == path.npos) return {};
  std::string_view query = path.substr(begin + 1);
  while (!query.empty()) {
    const std::string_view each = query.substr(0, query.find('&'));
    if (each.starts_with(parameter)) return each.substr(parameter.size());
    query.remove_prefix(std::min(each.size() + 1, query.size()));
  }
  return {};
}

class Operation final : public http::Filter {
 public:
  explicit Operation(const Options& options) : options_(options) {}

  Task<Reply> handle(Request& request, Next next) override {
    if (!options_.graphql) return next(request);
    if (request.method == http::Method::get) {
      if (const auto name = name_in_query(request.path); is_operation_name(name))
        request.info.operation = name;
    } else if (request.method == http::Method::post && is_small_json(request)) {
      request.body = Body(new Looked(std::move(request.body), request.info));
    }
    return next(request);
  }

 private:
  const Options& options_;
};

constexpr config::FilterSpec spec = config::once_per_path(
    config::spec_of<table>("operation", "names in the log what a GraphQL request asks for"));

}  // namespace

const Entry operation = {
    &spec, [](const config::FilterConfig& config, const FilterContext&) {
      return std::unique_ptr<http::Filter>(std::make_unique<Operation>(config.as<Options>()));
    }};

}  // namespace filters
