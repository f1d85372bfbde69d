#include "proxy/cli/story.hpp"

#include "proxy/cli/terminal.hpp"

#include <cstdio>
#include <cstdlib>

namespace cli {
namespace {

// "12.3 ms" of "12.345".
std::string millis(const Json& of, std::string_view name) {
  const Json& found = member(of, name);
  if (found.is_null()) return {};
  const double value = std::atof(text(of, name).c_str());
  char out[32];
  if (value >= 1000)
    std::snprintf(out, sizeof out, "%.2f s", value / 1000);
  else
    std::snprintf(out, sizeof out, "%.1f ms", value);
  return out;
}

void add_time(std::string& line, const Json& of, std::string_view name, std::string_view words) {
  const std::string time = millis(of, name);
  if (!time.empty()) line.append(line.empty() ? "" : ", ").append(words).append(" ") += time;
}

std::string outcome_of(const Json& of) {
  const std::string reason = text(of, "reason");
  const std::string grpc = text(of, "grpc_status");
  std::string out = text(of, "status");
  if (!grpc.empty() && grpc != "0") out += " (gRPC " + grpc + ')';
  if (!reason.empty()) out.append(out.empty() ? "" : " ") += reason;
  const Json& fallback = member(of, "fallback");
  if (!fallback.is_null() && text(fallback, "failed") != "true") out += ", by fallback";
  return out.empty() ? "no answer" : out;
}

Colour colour_of(const Json& of) {
  return text(of, "reason").empty() && number(of, "status") < 500 ? Colour::good : Colour::bad;
}

// Bytes, or datagrams, that no request asked for.
bool is_session(const Json& exchange) {
  const std::string protocol = text(exchange, "protocol");
  return protocol == "tcp" || protocol == "udp";
}

std::string connection_of(const Json& attempt, const Json& exchange) {
  if (text(attempt, "endpoint").empty())
    return "nothing was connected to: there was no endpoint to choose";
  if (text(exchange, "protocol") == "udp") return "a socket of its own";
  if (member(attempt, "reused").is_null()) return "no connection";
  const std::string age = millis(attempt, "connection_age_ms");
  if (text(attempt, "reused") == "false") return "new connection";
  return "connection used before (exchange " + text(attempt, "exchange_on_connection") +
         " on it, " + age + " old)";
}

std::string attempt_of(const Json& attempt, const Json& exchange) {
  std::string endpoint = text(attempt, "endpoint");
  if (endpoint.empty()) endpoint = "no endpoint";
  if (const std::string cluster = text(attempt, "cluster"); !cluster.empty())
    endpoint += " of cluster " + cluster;
  const bool is_hedge = text(attempt, "hedge") == "true";
  std::string out = (is_hedge ? "  hedge   " : "  attempt ") +
                    padded(text(attempt, "number"), 3) + endpoint + "  " +
                    painted(outcome_of(attempt), colour_of(attempt)) + '\n';
  if (const std::string detail = text(attempt, "detail"); !detail.empty())
    out += "             " + detail + '\n';
  const Json& ms = member(attempt, "ms");
  std::string times;
  add_time(times, ms, "queue", "waited");
  add_time(times, ms, "held", "of that held, as nothing could be connected to,");
  add_time(times, ms, "connect", "connected in");
  add_time(times, ms, "tls", "of that TLS");
  add_time(times, ms, "first_byte", "answer's head after");
  out += "             " + connection_of(attempt, exchange) + (times.empty() ? "" : "; " + times);
  if (!member(attempt, "reused").is_null() || is_session(exchange))
    out += "; " + text(attempt, "bytes_sent") +
           (is_session(exchange) ? " bytes sent, " : " bytes of body sent, ") +
           text(attempt, "bytes_received") + " received";
  out += '\n';
  return out;
}

}  // namespace

std::string story_of(const Json& exchange) {
  const std::string what =
      is_session(exchange)
          ? text(exchange, "protocol") + " session"
          : text(exchange, "method") + ' ' + text(exchange, "host") + text(exchange, "path");
  std::string out =
      painted(what, Colour::strong) +
      "  " + painted(outcome_of(exchange), colour_of(exchange)) + '\n';
  if (const std::string detail = text(exchange, "detail"); !detail.empty())
    out += "  " + detail + '\n';
  out += "  request  " + text(exchange, "request_id") + ", " + text(exchange, "ts") + ", from " +
         text(exchange, "source") + " by " + text(exchange, "protocol") + '\n';
  if (const std::string trace = text(exchange, "trace_id"); !trace.empty())
    out += "  trace    " + trace + '\n';
  out += "  way      listener " + text(exchange, "listener");
  if (const std::string route = text(exchange, "route"); !route.empty()) out += ", route " + route;
  if (const std::string cluster = text(exchange, "cluster"); !cluster.empty())
    out += ", cluster " + cluster;
  const Json& ms = member(exchange, "ms");
  std::string times;
  if (!is_session(exchange)) add_time(times, ms, "first_byte", "answered after");
  add_time(times, ms, "total", "over after");
  out += "\n  took     " + times + "; " + text(exchange, "bytes_in") + " bytes in, " +
         text(exchange, "bytes_out") + " out\n";
  for (const Json& attempt : items(exchange, "attempts")) out += attempt_of(attempt, exchange);
  if (items(exchange, "attempts").empty()) out += "  no attempt was made upstream\n";
  for (const Json& policy : items(exchange, "policies"))
    out += "  policy   " + text(policy, "filter") + " of " + text(policy, "place") + ": " +
           text(policy, "did") + "  " + painted(text(policy, "at"), Colour::faint) + '\n';
  return out;
}

std::string summary_of(const Json& exchange) {
  const bool is_request = !is_session(exchange);
  return padded(text(exchange, "ts"), 26) +
         padded(text(exchange, is_request ? "method" : "protocol"), 6) +
         padded(is_request ? text(exchange, "path") : "session", 30) +
         painted(outcome_of(exchange), 28, colour_of(exchange)) +
         padded(text(exchange, "cluster"), 14) + text(exchange, "request_id");
}

}  // namespace cli
