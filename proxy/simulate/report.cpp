#include "proxy/simulate/report.hpp"

#include "config/values.hpp"
#include "proxy/base/json.hpp"
#include "proxy/base/number_of.hpp"

#include <algorithm>
#include <cstdarg>
#include <cstdio>

namespace simulate {
namespace {

constexpr std::size_t most_rows = 20;         // of the course
constexpr std::size_t most_shown = 24;  // that are listed

__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...) {
  char line[512];
  va_list values;
  va_start(values, pattern);
  const int length = std::vsnprintf(line, sizeof line, pattern, values);
  va_end(values);
  return std::string(line, static_cast<std::size_t>(std::clamp(length, 0, 511)));
}

double share(std::uint64_t part, std::uint64_t of) {
  return of == 0 ? 0 : static_cast<double>(part) / static_cast<double>(of);
}

double seconds(base::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double a_second(std::uint64_t count, base::Duration in) {
  return static_cast<double>(count) / seconds(in);
}

std::string listed(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [what, count] : counts)
    text += (text.empty() ? "" : ", ") + what + ' ' + std::to_string(count);
  return text;
}

std::string name_of(const WayKey& key) {
  std::string name(key.listener);
  if (!key.route.empty()) name.append(" ").append(key.route);
  if (!key.cluster.empty()) name.append(" -> ").append(key.cluster);
  return name;
}

std::string millis(const Latencies& latencies) {
  return format("p50 %.0f ms, p95 %.0f ms, p99 %.0f ms", latencies.quantile(0.5),
                latencies.quantile(0.95), latencies.quantile(0.99));
}

// What the file has and the world has not.
std::vector<std::string> not_simulated(const World& world) {
  std::vector<std::string> all;
  for (const config::Listener& listener : world.plan().config->listeners)
    if (!listener.carries_requests())
      all.push_back((listener.udp ? "`udp` of listener " : "`tcp` of listener ") + listener.name);
  for (const config::Cluster& cluster : world.plan().config->clusters)
    if (cluster.health) all.push_back("`health` of cluster " + cluster.name);
  return all;
}

std::string head_text(const World& world) {
  const Scenario& scenario = world.scenario();
  std::string text =
      config::duration_text(scenario.length) + " of virtual time, seed " +
      std::to_string(scenario.seed) + ": " + base::number_of(scenario.sidecars, "sidecar") + ", " +
      base::number_of(world.origins().size(), "endpoint") + '\n';
  for (const std::string& each : not_simulated(world)) text += "not simulated: " + each + '\n';
  return text;
}

std::string way_text(const WayKey& key, const Way& way, base::Duration length) {
  const Counts& counts = way.counts;
  std::string text = '\n' + name_of(key) + '\n';
  text += format("  offered    %8lu  %.1f/s\n", counts.offered, a_second(counts.offered, length));
  text += format("  admitted   %8lu  %6.2f %%\n", counts.admitted(),
                 100 * share(counts.admitted(), counts.offered));
  text += format("  succeeded  %8lu  %6.2f %%\n", counts.succeeded,
                 100 * share(counts.succeeded, counts.offered));
  if (counts.refused > 0)
    text += format("  refused    %8lu  %6.2f %%  ", counts.refused,
                   100 * share(counts.refused, counts.offered)) +
            listed(way.refusals) + '\n';
  if (counts.failed > 0)
    text += format("  failed     %8lu  %6.2f %%  ", counts.failed,
                   100 * share(counts.failed, counts.offered)) +
            listed(way.failures) + '\n';
  if (counts.retries > 0 || counts.retries_denied > 0)
    text += format("  retries    %8lu  %6.2f %%  and %lu that were due and not made\n",
                   counts.retries, 100 * share(counts.retries, counts.offered),
                   counts.retries_denied);
  if (counts.succeeded > 0) text += "  latency    " + millis(counts.latencies) + '\n';
  return text;
}

std::string endpoints_text(const World& world) {
  std::map<std::string, std::uint64_t> of_service;
  for (const Origin& origin : world.origins()) of_service[origin.service()] += origin.requests();
  constexpr std::size_t most = 40;
  std::string text = "\nendpoints\n";
  std::size_t rows = 0;
  for (const Origin& origin : world.origins()) {
    if (++rows > most) break;
    text += format("  %-24s %8lu requests  %5.1f %%  %lu connects%s\n",
                   (origin.service() + '/' + std::to_string(origin.number())).c_str(),
                   origin.requests(), 100 * share(origin.requests(), of_service[origin.service()]),
                   origin.connects(),
                   origin.overflows() > 0
                       ? (", " + std::to_string(origin.overflows()) + " over its queue").c_str()
                       : "");
  }
  if (rows > most) text += format("  and %zu more\n", world.origins().size() - most);
  for (const config::Cluster& cluster : world.plan().config->clusters)
    if (!of_service.contains(cluster.name))
      text += format("  %-24s has none\n", cluster.name.c_str());
  return text;
}

std::string breakers_text(const Tally& tally) {
  if (tally.changes() == 0) return {};
  std::string text = "\ncircuit breakers\n";
  std::size_t rows = 0;
  for (const Transition& each : tally.transitions()) {
    if (++rows > most_shown) break;
    text += format("  %9.3f s  sidecar %-4zu %-32s %s\n", seconds(each.at), each.sidecar,
                   each.place.c_str(), each.state.c_str());
  }
  if (tally.changes() > most_shown)
    text += format("  and %lu more\n", tally.changes() - most_shown);
  return text;
}

// The moments of some rows, each of so many.
std::string course_text(const Tally& tally) {
  const std::vector<Moment>& moments = tally.moments();
  const std::size_t each = (moments.size() + most_rows - 1) / most_rows;
  std::string text =
      "\n     from   offered/s  admitted/s  upstream/s  success  p50 ms  p99 ms\n";
  for (std::size_t first = 0; first < moments.size(); first += each) {
    const std::size_t last = std::min(first + each, moments.size());
    std::uint64_t offered = 0, admitted = 0, upstream = 0, succeeded = 0;
    Latencies latencies;
    for (std::size_t i = first; i < last; ++i) {
      offered += moments[i].counts.offered;
      admitted += moments[i].counts.admitted();
      upstream += moments[i].upstream;
      succeeded += moments[i].counts.succeeded;
      latencies.add(moments[i].counts.latencies);
    }
    const base::Duration length = tally.step() * static_cast<std::int64_t>(last - first);
    const auto quantile = [&](double q) {
      return latencies.count() > 0 ? format("%.0f", latencies.quantile(q)) : std::string("-");
    };
    const std::string success =
        offered > 0 ? format("%.1f %%", 100 * share(succeeded, offered)) : "-";
    text += format("%7.1f s  %10.1f  %10.1f  %10.1f  %7s  %6s  %6s\n",
                   seconds(tally.step() * static_cast<std::int64_t>(first)),
                   a_second(offered, length), a_second(admitted, length),
                   a_second(upstream, length),
                   success.c_str(), quantile(0.5).c_str(), quantile(0.99).c_str());
  }
  return text;
}

void write_decimal(base::JsonWriter& json, std::string_view name, double value) {
  json.key(name).raw(format("%.3f", value));
}

void write_counts(base::JsonWriter& json, const Counts& counts) {
  json.number("offered", counts.offered)
      .number("admitted", counts.admitted())
      .number("succeeded", counts.succeeded)
      .number("refused", counts.refused)
      .number("failed", counts.failed)
      .number("retries", counts.retries)
      .number("retries_denied", counts.retries_denied);
  json.key("ms").open('{');
  for (const auto& [name, q] : {std::pair{"p50", 0.5}, {"p95", 0.95}, {"p99", 0.99}})
    write_decimal(json, name, counts.latencies.quantile(q));
  json.close('}');
}

void write_reasons(base::JsonWriter& json, std::string_view name,
                   const std::map<std::string, std::uint64_t>& reasons) {
  json.key(name).open('{');
  for (const auto& [reason, count] : reasons) json.number(reason, count);
  json.close('}');
}

void write_ways(base::JsonWriter& json, const Tally& tally) {
  json.key("ways").open('[');
  for (const auto& [key, way] : tally.ways()) {
    json.open('{').text("listener", key.listener);
    if (!key.route.empty()) json.text("route", key.route);
    if (!key.cluster.empty()) json.text("cluster", key.cluster);
    write_counts(json, way.counts);
    write_reasons(json, "refusals", way.refusals);
    write_reasons(json, "failures", way.failures);
    json.close('}');
  }
  json.close(']');
}

void write_endpoints(base::JsonWriter& json, const World& world) {
  json.key("endpoints").open('[');
  for (const Origin& origin : world.origins())
    json.open('{')
        .text("cluster", origin.service())
        .number("number", origin.number())
        .number("requests", origin.requests())
        .number("connects", origin.connects())
        .number("overflows", origin.overflows())
        .close('}');
  json.close(']');
}

void write_breakers(base::JsonWriter& json, const Tally& tally) {
  json.number("breaker_changes", tally.changes()).key("breakers").open('[');
  for (const Transition& each : tally.transitions()) {
    json.open('{');
    write_decimal(json, "at", seconds(each.at));
    json.number("sidecar", each.sidecar)
        .text("place", each.place)
        .text("state", each.state)
        .close('}');
  }
  json.close(']');
}

void write_course(base::JsonWriter& json, const Tally& tally) {
  json.key("course").open('[');
  base::Duration at{};
  for (const Moment& moment : tally.moments()) {
    json.open('{');
    write_decimal(json, "at", seconds(at));
    json.number("upstream", moment.upstream);
    write_counts(json, moment.counts);
    json.close('}');
    at += tally.step();
  }
  json.close(']');
}

}  // namespace

std::string report_text(const World& world) {
  const Tally& tally = world.tally();
  const Counts total = tally.total();
  std::string text = head_text(world);
  if (total.offered == 0)
    text += "\nnothing was asked for: a higher rate or a longer time is wanted\n";
  for (const auto& [key, way] : tally.ways())
    text += way_text(key, way, world.scenario().length);
  text += format("\nupstream load  %lu requests, %.3f for each that was offered\n",
                 tally.upstream(), share(tally.upstream(), total.offered));
  return text + endpoints_text(world) + breakers_text(tally) + course_text(tally);
}

std::string report_json(const World& world) {
  const Tally& tally = world.tally();
  base::JsonWriter json;
  json.open('{').number("seed", world.scenario().seed);
  write_decimal(json, "seconds", seconds(world.scenario().length));
  json.number("sidecars", world.scenario().sidecars);
  json.key("not_simulated").open('[');
  for (const std::string& each : not_simulated(world)) json.text(each);
  json.close(']');
  json.number("upstream", tally.upstream());
  json.key("total").open('{');
  write_counts(json, tally.total());
  json.close('}');
  write_ways(json, tally);
  write_endpoints(json, world);
  write_breakers(json, tally);
  write_course(json, tally);
  return json.close('}').take();
}

}  // namespace simulate
