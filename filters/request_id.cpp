// Sends the exchange's id upstream, so that logs of both sides can be joined.
#include "filters/field_rules.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"

#include <algorithm>

namespace filters {
namespace {

using base::Task;
using http::Next;
using http::Reply;
using http::Request;

constexpr std::size_t shortest_kept = 8;
constexpr std::size_t longest_kept = 128;

struct Options {
  std::string header = "x-request-id";
  std::optional<bool> trust;  // absent: outbound clients and trusted peers
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      {"header", "a field name", "x-request-id", "where the id stands",
       [](const Node& node, const Reading& reading, Options& into) {
         read_text(node, reading, into.header);
         into.header = base::lower_case(into.header);
         if (std::string problem = forbidden(into.header); !problem.empty())
           reading.mistake(node, std::move(problem));
       },
       [](const Options& options) { return scalar(options.header); }},
      {"trust", "true or false", "true outbound and for trusted peers", "keep the client's own",
       [](const Node& node, const Reading& reading, Options& into) {
         bool value = false;
         read_boolean(node, reading, value);
         into.trust = value;
       }},
  };
  return rows;
}

bool may_be_kept(std::string_view id) {
  return id.size() >= shortest_kept && id.size() <= longest_kept &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return base::is_alpha(c) || base::is_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

class RequestId final : public http::Filter {
 public:
  explicit RequestId(const Options& options) : options_(options) {}

  Task<Reply> handle(Request& request, Next next) override {
    http::StreamInfo& info = request.info;
    const auto sent = request.headers.find(options_.header);
    const bool is_believed = options_.trust.value_or(info.is_outbound || info.is_trusted);
    if (sent && is_believed && may_be_kept(*sent)) info.kept_request_id = *sent;
    info.request_id_field = options_.header;
    request.headers.set(options_.header, info.request_id());  // one line, whatever came
    return next(request);
  }

 private:
  const Options& options_;
};

constexpr config::FilterSpec spec = config::once_per_path(
    config::spec_of<table>("request_id", "sends each exchange's id upstream"));

}  // namespace

std::string_view request_id_field(const config::Filters& filters) {
  for (const config::FilterConfig& filter : filters)
    if (filter.spec == &spec) return filter.as<Options>().header;
  return {};
}

const Entry request_id = {
    &spec, [](const config::FilterConfig& config, const FilterContext&) {
      return std::unique_ptr<http::Filter>(std::make_unique<RequestId>(config.as<Options>()));
    }};

}  // namespace filters
