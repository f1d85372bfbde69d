// Has requests that ask the same at the same time share one request upstream: a thundering herd is
// one animal. Of one worker; who comes when the head is there begins anew, so nobody gets what is
// older than its question.
#include "filters/flight.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/field_names.hpp"

#include <algorithm>
#include <unordered_map>

namespace filters {
namespace {

using base::Millis;
using base::Task;
using base::Time;
using http::Headers;
using http::Name;
using http::Next;
using http::Reply;
using http::Request;

struct Options {
  Millis max_wait{5'000};
  std::uint64_t max_body = 1024 * 1024;
  std::vector<std::string> headers{"accept", "accept-encoding"};
};

void read_headers(const config::Node& node, const config::Reading& reading, Options& into) {
  into.headers.clear();
  config::for_each_text(node, reading, [&](const config::Node& item, const std::string& text) {
    if (!base::is_token(text)) reading.mistake(item, "\"" + text + "\" is not a field's name");
    into.headers.push_back(base::lower_case(text));
  });
}

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      duration<Options>("max_wait", &Options::max_wait, "5s", "for another's head, then alone",
                        Zero::refused),
      size<Options>("max_body", &Options::max_body, "1MiB",
                    "an answer that says it is longer is not shared", Zero::refused),
      {"headers", "text or a list of texts", "[accept, accept-encoding]",
       "what has to be the same besides host, path and query", read_headers,
       [](const Options& options) { return list_of(options.headers); }},
  };
  return rows;
}

// What asks for one client alone, for a part, or for what it does not have yet.
bool may_be_shared(const Request& request) {
  if (request.method != http::Method::get || !request.protocol.empty() || !request.body.is_empty())
    return false;
  constexpr std::string_view conditions[] = {"if-none-match", "if-modified-since", "if-match",
                                             "if-unmodified-since", "if-range"};
  const Headers& headers = request.headers;
  return !headers.contains(Name::authorization) && !headers.contains(Name::cookie) &&
         !headers.contains(Name::range) && !headers.contains(Name::expect) &&
         !headers.contains(Name::x_request_timeout) &&
         std::none_of(std::begin(conditions), std::end(conditions),
                      [&](std::string_view name) { return headers.contains(name); });
}

std::string key_of(const Request& request, const std::vector<std::string>& names) {
  std::string key(request.scheme);
  key.append(" ").append(http::asked_of(request)).append(" ").append(request.path).append("\n");
  for (const std::string& name : names) {
    for (const Headers::Field field : request.headers)
      if (field.name == name) key.append(field.value).append("\r");
    key += '\n';
  }
  return key;
}

bool says(const Headers& headers, std::string_view name, auto is_meant) {
  bool found = false;
  for (const Headers::Field field : headers)
    if (field.name == name)
      base::for_each_element(field.value, [&](std::string_view element) {
        found = is_meant(base::lower_case(base::trim(element.substr(0, element.find('=')))));
        return !found;
      });
  return found;
}

bool is_for_all(const Reply& reply, const Options& options) {
  if (!reply) return true;
  const Headers& headers = reply->headers;
  const auto type = headers.find(Name::content_type);
  const bool is_live = type && type->starts_with("text/event-stream");
  // Of unknown length it might outgrow what is kept, and who lags behind the fastest would be cut.
  const bool is_kept =
      reply->body.is_empty() || reply->body.size().value_or(options.max_body + 1) <= options.max_body;
  return !is_live && is_kept &&
         !headers.contains(Name::set_cookie) &&
         !says(headers, "cache-control",
               [](const std::string& word) { return word == "private" || word == "no-store"; }) &&
         !says(headers, "vary", [&](const std::string& name) {
           return std::find(options.headers.begin(), options.headers.end(), name) ==
                  options.headers.end();
         });
}

class Collapse final : public http::Filter {
 public:
  Collapse(const Options& options, const FilterContext& context)
      : options_(options),
        executor_(context.executor),
        shard_(context.shard),
        shared_(context.metrics.counter("outrider_collapsed_total",
                                        "Requests that were answered by another's answer.",
                                        {{"place", context.place_of_kind()}})) {}

  Task<Reply> handle(Request& request, Next next) override {
    if (!may_be_shared(request)) return next(request);
    std::string key = key_of(request, options_.headers);
    const auto found = flights_.find(key);
    if (found != flights_.end())
      if (auto flight = found->second.lock()) return following(request, next, std::move(flight));
    return first(request, next, std::move(key));
  }

 private:
  Task<Reply> first(Request& request, Next next, std::string key) {
    const auto all = [this](const Reply& reply) { return is_for_all(reply, options_); };
    const auto close = [this, key] { flights_.erase(key); };
    const Flight::Keeping keeping{options_.max_body, executor_};
    const auto flight = std::make_shared<Flight>(request, keeping, all, close);
    flights_[key] = flight;
    Flight::Waiter waiter(flight);
    flight->begin(next);
    co_await waiter.head(base::never);
    std::optional<Reply> reply = flight->reply_for(request, true);
    if (reply) co_return std::move(*reply);
    co_return co_await next(request);
  }

  Task<Reply> following(Request& request, Next next, std::shared_ptr<Flight> flight) {
    std::optional<Reply> reply = co_await reply_of(request, std::move(flight));
    if (!reply) co_return co_await next(request);
    shared_.add(shard_);
    co_return std::move(*reply);
  }

  Task<std::optional<Reply>> reply_of(Request& request, std::shared_ptr<Flight> flight) const {
    Flight::Waiter waiter(flight);
    co_await waiter.head(request.info.now() + options_.max_wait);
    if (!flight->has_head()) co_return std::nullopt;
    co_return flight->reply_for(request, false);
  }

  const Options& options_;
  base::Executor* const executor_;
  const std::size_t shard_;
  stats::Counter& shared_;
  // Whose head has not come.
  std::unordered_map<std::string, std::weak_ptr<Flight>> flights_;
};

constexpr config::FilterSpec spec = config::spec_of<table>(
    "collapse", "one request upstream for all that ask the same at the same time");

}  // namespace

const Entry collapse = {&spec,
                        [](const config::FilterConfig& config, const FilterContext& context) {
                          return std::unique_ptr<http::Filter>(
                              std::make_unique<Collapse>(config.as<Options>(), context));
                        }};

}  // namespace filters
