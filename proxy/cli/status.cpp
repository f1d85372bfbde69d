// `outrider status` and `outrider top`: what a running Outrider does, on a screen.
#include "proxy/base/number_of.hpp"
#include "proxy/cli/admin_client.hpp"
#include "proxy/cli/admin_commands.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/cli/rates.hpp"
#include "proxy/cli/story.hpp"
#include "proxy/cli/terminal.hpp"

#include <boost/json/serialize.hpp>

#include <chrono>
#include <cstdio>
#include <thread>

namespace cli {
namespace {

constexpr std::chrono::seconds interval{1};
constexpr std::size_t most_failures = 5;

std::string decimal(double value) {
  char out[32];
  std::snprintf(out, sizeof out, value < 10 && value > 0 ? "%.1f" : "%.0f", value);
  return out;
}

std::string millis(double seconds) {
  if (seconds < 0) return "-";
  char out[32];
  std::snprintf(out, sizeof out, seconds < 0.01 ? "%.1f" : "%.0f", seconds * 1000);
  return out;
}

std::string rates_table(const std::vector<RouteRates>& rates) {
  std::string out =
      painted(padded("route", 26) + padded("cluster", 16) + padded("req/s", 9) +
                  padded("failed/s", 10) + padded("p50 ms", 9) + padded("p95 ms", 9) + "p99 ms",
              Colour::faint) +
      '\n';
  for (const RouteRates& each : rates)
    out += padded(harmless(each.route), 26) + padded(harmless(each.cluster), 16) +
           padded(decimal(each.requests), 9) +
           painted(decimal(each.failures), 10, each.failures > 0 ? Colour::bad : Colour::faint) +
           padded(millis(each.p50), 9) + padded(millis(each.p95), 9) + millis(each.p99) + '\n';
  return out;
}

std::string count_of(const Json& of, std::string_view name, std::string_view what) {
  return base::number_of(static_cast<std::uint64_t>(number(of, name)), what);
}

bool is_held_by_hand(const Json& breaker) {
  const std::string mode = text(breaker, "mode");
  return mode == "open" || mode == "closed";
}

std::string breakers_of(const Json& of) {
  std::string out;
  for (const Json& breaker : items(of, "breakers")) {
    const std::string state = text(breaker, "state");
    out += "  breaker " + padded(text(breaker, "place"), 26) +
           painted(state, 10, state == "closed" ? Colour::good : Colour::bad) +
           text(breaker, "failures") + " of " + text(breaker, "requests") + " failed" +
           (is_held_by_hand(breaker) ? ", held by hand\n" : "\n");
  }
  return out;
}

std::string listeners_of(const Json& stats) {
  std::string out;
  for (const Json& listener : items(stats, "listeners")) {
    out += padded("listener " + text(listener, "name"), 26) +
           padded(text(listener, "direction"), 10) +
           padded(count_of(listener, "connections", "connection"), 18) +
           text(listener, "exchanges") + " in flight ";
    for (const Json& address : items(listener, "addresses"))
      out += ' ' + harmless({address.as_string().data(), address.as_string().size()});
    out += '\n';
  }
  return out;
}

std::string state_of(const Json& endpoint) {
  const std::string health = text(endpoint, "health");
  return painted(health, 13, health == "healthy" ? Colour::good : Colour::bad);
}

std::string failure_of(const Json& endpoint) {
  const std::string failure = text(endpoint, "failure");
  return failure.empty() ? failure : ", " + painted(failure, Colour::bad);
}

std::string clusters_of(const Json& clusters) {
  std::string out;
  for (const Json& cluster : items(clusters, "clusters")) {
    out += painted(padded("cluster " + text(cluster, "name"), 26), Colour::strong);
    if (const std::string failure = text(cluster, "failure"); !failure.empty())
      out += painted(failure, Colour::bad);
    if (text(cluster, "panic") == "true")
      out += painted("too few endpoints are well: all are used", Colour::bad);
    if (const std::string problem = text(cluster, "discovery_problem"); !problem.empty())
      out += "\n  " + painted("discovery: " + problem, Colour::bad);
    out += '\n' + breakers_of(cluster);
    for (const Json& endpoint : items(cluster, "endpoints"))
      out += "  " + padded(text(endpoint, "address"), 34) + state_of(endpoint) +
             padded(count_of(endpoint, "connections", "connection"), 17) +
             padded(text(endpoint, "streams") + " in flight", 15) +
             painted(count_of(endpoint, "connect_failures", "connect") + " failed",
                     number(endpoint, "connect_failures") > 0 ? Colour::warning : Colour::faint) +
             failure_of(endpoint) + '\n';
  }
  return out + breakers_of(clusters);
}

std::string head_of(const Json& stats) {
  const std::int64_t up = number(stats, "uptime_seconds");
  const Json& memory = member(stats, "memory");
  std::string out = "outrider, up " + std::to_string(up / 3600) + "h" +
                    std::to_string(up / 60 % 60) + "m" + std::to_string(up % 60) + "s, " +
                    count_of(stats, "workers", "worker") + ", " +
                    count_of(stats, "connections", "connection") + ", " +
                    std::to_string(number(memory, "in_use") >> 20) + " of " +
                    std::to_string(number(memory, "limit") >> 20) + " MiB of buffers";
  if (text(stats, "draining") == "true") out += ", " + painted("draining", Colour::warning);
  return out + "\n\n";
}

std::string failures_of(const Json& requests) {
  std::string out;
  std::size_t shown = 0;
  for (const Json& each : items(requests, "requests"))
    if (text(each, "kept_for") == "failed" && shown++ < most_failures)
      out += summary_of(each) + '\n';
  return out.empty() ? out : "\nlast failures (outrider why REQUEST_ID)\n" + out;
}

// What was asked; `problem` if something did not come.
struct Seen {
  Json stats, clusters, requests;
  std::vector<Sample> samples;
  std::chrono::steady_clock::time_point at;
  std::string problem;
};

Seen look(AdminClient& client, bool only_samples) {
  Seen seen;
  const auto ask = [&](std::string_view path) {
    AdminAnswer answer = seen.problem.empty() ? client.get(path) : AdminAnswer();
    if (!answer.is_well() && seen.problem.empty()) seen.problem = answer.body;
    return answer.body;
  };
  seen.samples = parse_samples(ask("/metrics"));
  seen.at = std::chrono::steady_clock::now();
  if (only_samples) return seen;
  seen.stats = parse_json(ask("/stats"));
  seen.clusters = parse_json(ask("/clusters"));
  seen.requests = parse_json(ask("/requests"));
  return seen;
}

double seconds_between(const Seen& before, const Seen& now) {
  return std::chrono::duration<double>(now.at - before.at).count();
}

void put_rates(boost::json::object& into, const std::vector<RouteRates>& rates) {
  boost::json::array all;
  for (const RouteRates& each : rates)
    all.push_back({{"listener", each.listener},
                   {"route", each.route},
                   {"cluster", each.cluster},
                   {"requests_per_second", each.requests},
                   {"failures_per_second", each.failures},
                   {"p50_seconds", each.p50},
                   {"p95_seconds", each.p95},
                   {"p99_seconds", each.p99}});
  into["routes"] = std::move(all);
}

}  // namespace

int status(const Call& call) {
  AdminPlace place = admin_place(call);
  if (!place.problem.empty()) return complain(place.problem);
  AdminClient client(std::move(place));
  const Seen before = look(client, true);
  if (!before.problem.empty()) return complain(before.problem);
  std::this_thread::sleep_for(interval);
  const Seen now = look(client, false);
  if (!now.problem.empty()) return complain(now.problem);
  const std::vector<RouteRates> rates =
      rates_between(before.samples, now.samples, seconds_between(before, now));
  if (call.has("--json")) {
    boost::json::object all;
    all["process"] = now.stats;
    all["clusters"] = member(now.clusters, "clusters");
    all["requests"] = member(now.requests, "requests");
    put_rates(all, rates);
    print(boost::json::serialize(all) + '\n');
    return done;
  }
  print(head_of(now.stats) + listeners_of(now.stats) + '\n' + clusters_of(now.clusters) + '\n' +
        rates_table(rates) + failures_of(now.requests));
  return done;
}

// On a terminal until it is interrupted; else what is seen in one second.
int top(const Call& call) {
  AdminPlace place = admin_place(call);
  if (!place.problem.empty()) return complain(place.problem);
  AdminClient client(std::move(place));
  Seen before = look(client, true);
  for (bool is_drawn = false; before.problem.empty(); is_drawn = true) {
    std::this_thread::sleep_for(interval);
    Seen now = look(client, true);
    if (!now.problem.empty()) return complain(now.problem);
    const std::vector<RouteRates> rates =
        rates_between(before.samples, now.samples, seconds_between(before, now));
    if (call.has("--json")) {
      boost::json::object all;
      put_rates(all, rates);
      print(boost::json::serialize(all) + '\n');
      return done;
    }
    const bool is_live = is_screen();
    if (is_live) print(is_drawn ? "\x1b[H" : "\x1b[2J\x1b[H");
    print(rates_table(rates) + (is_live ? "\x1b[J" : ""));
    if (!is_live) return done;
    before = std::move(now);
  }
  return complain(before.problem);
}

}  // namespace cli
