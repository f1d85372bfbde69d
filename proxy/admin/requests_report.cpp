#include "proxy/admin/requests_report.hpp"

#include "config/filter_spec.hpp"
#include "config/place_name.hpp"
#include "proxy/base/json.hpp"
#include "proxy/base/log.hpp"

#include <algorithm>

namespace admin {
namespace {

using base::Reason;
using observe::RecordedAttempt;
using observe::RecordedExchange;

// A filter whose word a reason may be; `option`: only if it is not 0.
struct Decider {
  std::string_view filter;
  std::string_view option{};
};

std::vector<Decider> deciders_of(Reason reason) {
  switch (reason) {
    case Reason::circuit_open:
      return {{"circuit_breaker"}};
    case Reason::bulkhead_full:
      return {{"bulkhead"}, {"adaptive_concurrency"}};
    case Reason::throttled:
      return {{"throttle"}};
    case Reason::shed:
      return {{"shed"}};
    case Reason::body_too_large:
      return {{"body_limit", "request"}};
    case Reason::response_too_large:
      return {{"body_limit", "response"}};
    case Reason::total_timeout:
      return {{"timeout", "total"}};
    case Reason::idle_timeout:
      return {{"timeout", "idle"}};
    case Reason::response_timeout:
      return {{"timeout", "response"}, {"retry", "attempt_timeout"}};
    case Reason::fault:
      return {{"fault"}};
    case Reason::denied:
      return {{"jwt"}, {"authz"}, {"cors"}};
    default:
      return {};
  }
}

bool is_it(const Decider& decider, const config::FilterConfig& filter) {
  if (decider.filter != filter.name) return false;
  if (decider.option.empty()) return true;
  const config::NodePtr options = filter.spec->write(nullptr, filter.options.get());
  const config::Node* option = options->find(decider.option);
  return option && !option->text.starts_with('0');
}

// "file:line"; "" if it is written nowhere.
std::string place_of(const config::Mark& mark) {
  return mark.source ? mark.source->name + ':' + std::to_string(mark.line) : std::string();
}

struct Policy {
  std::string place;  // "cluster orders"
  const config::FilterConfig* filter;
};

// In the order in which a request meets them, those of a cluster that another answered for first.
// What a reload has taken away is not found.
std::vector<Policy> policies_on(const config::Config& config, const RecordedExchange& exchange) {
  std::vector<Policy> all;
  const auto add = [&all](const std::string& place, const config::Filters& filters) {
    for (const config::FilterConfig& filter : filters) all.push_back({place, &filter});
  };
  for (const config::Listener& listener : config.listeners) {
    if (listener.name != exchange.listener) continue;
    add(config::place_name(listener), listener.filters);
    for (const config::Route& route : listener.routes)
      if (route.name == exchange.route)
        add(config::place_name(listener, route), route.filters);
  }
  std::vector<std::string> asked = {exchange.cluster};
  if (const std::string& before = exchange.fell_back.cluster;
      !before.empty() && before != exchange.cluster)
    asked.insert(asked.begin(), before);
  for (const std::string& name : asked)
    if (const config::Cluster* cluster = config.find_cluster(name))
      add(config::place_name(*cluster), cluster->filters);
  return all;
}

void write_policy(base::JsonWriter& json, const Policy& policy, std::string_view what) {
  json.open('{').text("filter", policy.filter->name).text("place", policy.place);
  json.text("did", what);
  if (const std::string place = place_of(policy.filter->mark); !place.empty())
    json.text("at", place);
  json.close('}');
}

std::string_view what_retry_did(const RecordedExchange& exchange) {
  const auto hedges = static_cast<std::size_t>(
      std::count_if(exchange.attempts.begin(), exchange.attempts.end(),
                    [](const RecordedAttempt& attempt) { return attempt.is_hedge; }));
  if (hedges == 0) return "tried again";
  return hedges + 1 == exchange.attempts.size() ? "hedged: began another beside a slow one"
                                                : "hedged, and tried again";
}

std::string what_fallback_did(const RecordedExchange& exchange) {
  const auto& [by, cluster, reason, status, has_failed] = exchange.fell_back;
  const std::string cause = reason != Reason::none ? std::string(base::to_string(reason))
                                                   : "status " + std::to_string(status);
  const std::string way = '`' + std::string(by) + '`';
  return has_failed ? "its " + way + " failed too, after " + cause
                    : "answered by " + way + " instead of " + cause;
}

// What made it wait though nothing was asked.
void write_pool(base::JsonWriter& json, const config::Config& config,
                const RecordedExchange& exchange) {
  const config::Cluster* cluster = config.find_cluster(exchange.cluster);
  if (!cluster) return;
  const bool was_held = std::any_of(
      exchange.attempts.begin(), exchange.attempts.end(),
      [](const RecordedAttempt& attempt) { return attempt.held > base::Duration::zero(); });
  const auto write = [&](std::string_view what) {
    json.open('{').text("filter", "pool").text("place", config::place_name(*cluster));
    json.text("did", what);
    if (const std::string place = place_of(cluster->mark); !place.empty()) json.text("at", place);
    json.close('}');
  };
  if (was_held)
    write("hold: it waited while no endpoint could be connected to");
  if (exchange.reason == Reason::pool_full)
    write("pending, wait: it waited too long for a connection, or too many did");
}

// Several of a kind on one path: each may have been the one. Where no `timeout` stands there is one
// that is written nowhere.
void write_policies(base::JsonWriter& json, const config::Config& config,
                    const RecordedExchange& exchange) {
  const std::vector<Decider> deciders = deciders_of(exchange.reason);
  const std::vector<Policy> on_the_way = policies_on(config, exchange);
  json.key("policies").open('[');
  for (const Policy& policy : on_the_way) {
    const auto decides = [&policy](const Decider& each) { return is_it(each, *policy.filter); };
    const std::string& name = policy.filter->name;
    if (std::any_of(deciders.begin(), deciders.end(), decides))
      write_policy(json, policy, base::to_string(exchange.reason));
    else if (const std::string_view way = exchange.fell_back.by;
             !way.empty() && is_it({"fallback", way}, *policy.filter))
      write_policy(json, policy, what_fallback_did(exchange));
    else if (name == "retry" && !exchange.retry_denied.empty())
      write_policy(json, policy, "denied another attempt: " + std::string(exchange.retry_denied));
    else if (name == "retry" && exchange.attempts.size() > 1)
      write_policy(json, policy, what_retry_did(exchange));
  }
  write_pool(json, config, exchange);
  const bool has_timeout =
      std::any_of(on_the_way.begin(), on_the_way.end(),
                  [](const Policy& policy) { return policy.filter->name == "timeout"; });
  const bool is_timeout =
      exchange.reason == Reason::total_timeout || exchange.reason == Reason::idle_timeout;
  if (is_timeout && !has_timeout)
    json.open('{')
        .text("filter", "timeout")
        .text("place", "every path without one")
        .text("did", base::to_string(exchange.reason))
        .text("at", "default")
        .close('}');
  json.close(']');
}

void write_millis(base::JsonWriter& json, std::string_view name, base::Duration time) {
  if (time < base::Duration::zero()) return;
  const auto micros = time / std::chrono::microseconds{1};
  std::string rest = std::to_string(1000 + micros % 1000);
  rest[0] = '.';
  json.key(name).raw(std::to_string(micros / 1000) + rest);
}

// cluster: the exchange's.
void write_attempt(base::JsonWriter& json, const RecordedAttempt& attempt,
                   std::string_view cluster) {
  json.open('{').number("number", static_cast<std::uint64_t>(attempt.number));
  if (attempt.cluster != cluster) json.text("cluster", attempt.cluster);
  if (!attempt.endpoint.empty()) json.text("endpoint", attempt.endpoint);
  if (attempt.exchange_on_it > 0) {
    json.boolean("reused", attempt.was_reused);
    json.number("exchange_on_connection", attempt.exchange_on_it);
    write_millis(json, "connection_age_ms", attempt.connection_age);
  }
  if (attempt.is_hedge) json.boolean("hedge", true);
  json.number("bytes_sent", attempt.bytes.sent).number("bytes_received", attempt.bytes.received);
  json.key("ms").open('{');
  write_millis(json, "queue", attempt.queue);
  write_millis(json, "held", attempt.held);
  write_millis(json, "connect", attempt.connect);
  write_millis(json, "tls", attempt.tls);
  write_millis(json, "first_byte", attempt.first_byte);
  json.close('}');
  if (attempt.outcome.status > 0)
    json.number("status", static_cast<std::uint64_t>(attempt.outcome.status));
  if (attempt.outcome.grpc_status >= 0)
    json.number("grpc_status", static_cast<std::uint64_t>(attempt.outcome.grpc_status));
  if (attempt.outcome.reason != Reason::none)
    json.text("reason", base::to_string(attempt.outcome.reason));
  if (!attempt.detail.empty()) json.text("detail", attempt.detail);
  json.close('}');
}

void write_text(base::JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) json.text(name, value);
}

void write_fallback(base::JsonWriter& json, const RecordedExchange& exchange) {
  const auto& [by, cluster, reason, status, has_failed] = exchange.fell_back;
  if (by.empty()) return;
  json.key("fallback").open('{').text("by", by);
  write_text(json, "cluster", cluster);
  write_text(json, "reason", base::to_string(reason));
  if (status > 0) json.number("status", static_cast<std::uint64_t>(status));
  if (has_failed) json.boolean("failed", true);
  json.close('}');
}

void write_exchange(base::JsonWriter& json, const config::Config& config,
                    const RecordedExchange& exchange) {
  json.open('{').text("request_id", exchange.request_id);
  json.text("ts", base::timestamp(exchange.started)).text("kept_for", exchange.kept_for);
  json.text("listener", exchange.listener);
  json.text("direction", exchange.is_outbound ? "outbound" : "inbound");
  write_text(json, "route", exchange.route);
  json.text("method", exchange.method).text("host", exchange.host).text("path", exchange.path);
  json.text("protocol", exchange.protocol);
  if (exchange.status > 0) json.number("status", static_cast<std::uint64_t>(exchange.status));
  if (exchange.grpc_status >= 0)
    json.number("grpc_status", static_cast<std::uint64_t>(exchange.grpc_status));
  write_text(json, "reason", base::to_string(exchange.reason));
  write_text(json, "detail", exchange.detail);
  write_text(json, "retry_denied", exchange.retry_denied);
  write_fallback(json, exchange);
  json.number("bytes_in", exchange.bytes_in).number("bytes_out", exchange.bytes_out);
  json.key("ms").open('{');
  write_millis(json, "total", exchange.total);
  write_millis(json, "first_byte", exchange.first_byte);
  json.close('}');
  write_text(json, "cluster", exchange.cluster);
  write_text(json, "trace_id", exchange.trace_id);
  json.text("source", exchange.source);
  json.key("attempts").open('[');
  for (const RecordedAttempt& attempt : exchange.attempts)
    write_attempt(json, attempt, exchange.cluster);
  json.close(']');
  write_policies(json, config, exchange);
  json.close('}');
}

}  // namespace

std::string requests_json(const server::Plan& plan, const observe::RecentRequests& recent,
                          std::string_view id) {
  base::JsonWriter json;
  json.open('{').key("requests").open('[');
  for (const RecordedExchange& exchange : id.empty() ? recent.all() : recent.of(id))
    write_exchange(json, *plan.config, exchange);
  return json.close(']').number("not_kept", recent.not_kept()).close('}').take();
}

}  // namespace admin
