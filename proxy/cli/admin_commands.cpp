#include "proxy/cli/admin_commands.hpp"

#include "config/expression.hpp"
#include "proxy/base/json.hpp"
#include "proxy/cli/admin_client.hpp"
#include "proxy/cli/commands.hpp"
#include "proxy/cli/story.hpp"
#include "proxy/cli/terminal.hpp"

#include <cstdio>
#include <optional>
#include <utility>

namespace cli {
namespace {

std::string without_end(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

// Nothing after saying why there is none.
std::optional<AdminClient> client_of(const Call& call) {
  AdminPlace place = admin_place(call);
  if (place.problem.empty()) return std::optional<AdminClient>(std::move(place));
  complain(place.problem);
  return std::nullopt;
}

// Changes something, and says what came of it.
int change(const Call& call, const std::string& path) {
  std::optional<AdminClient> client = client_of(call);
  if (!client) return failed;
  const AdminAnswer answer = client->post(path);
  const std::string said = without_end(answer.body);
  if (call.has("--json"))
    print(base::JsonWriter()
              .open('{')
              .boolean("done", answer.is_well())
              .text("said", said)
              .close('}')
              .take());
  else if (answer.is_well())
    print(said + '\n');
  if (!answer.is_well() && !call.has("--json")) complain(said);
  return answer.is_well() ? done : failed;
}

std::string tap_line(const Json& exchange) {
  const Json& ms = member(exchange, "ms");
  const bool is_bad = !text(exchange, "reason").empty() || number(exchange, "status") >= 500;
  std::string status = text(exchange, "status");
  if (const std::string reason = text(exchange, "reason"); !reason.empty()) status += ' ' + reason;
  return painted(padded(text(exchange, "ts"), 26), Colour::faint) +
         padded(text(exchange, "method"), 6) +
         padded(text(exchange, "host") + text(exchange, "path"), 44) +
         painted(status, 24, is_bad ? Colour::bad : Colour::good) +
         padded(text(ms, "total") + " ms", 14) + padded(text(exchange, "cluster"), 14) +
         padded(text(exchange, "endpoint"), 22) + text(exchange, "request_id") + '\n';
}

}  // namespace

int drain(const Call& call) {
  return change(call, "/drain");
}
int reload(const Call& call) {
  return change(call, "/reload");
}
int upgrade(const Call& call) {
  return change(call, "/upgrade");
}

int breaker(const Call& call) {
  const std::string& place = call.words[0];
  const std::string& state = call.words[1];
  const auto is_state = [](const std::string& word) {
    return word == "open" || word == "closed" || word == "auto";
  };
  if (!is_state(state)) {
    complain(is_state(place) ? "the place comes first: outrider breaker \"" + state + "\" " + place
                             : "a breaker is told open, closed or auto, not \"" + state + '"');
    return misused;
  }
  return change(call, "/breakers/" + escaped_for_query(place) + "?state=" + state);
}

int tap(const Call& call) {
  std::string path = "/tap";
  if (!call.words.empty()) {
    const config::ParsedExpression parsed = config::parse_expression(call.words[0]);
    if (!parsed.value) {
      complain(parsed.problem);
      return misused;
    }
    path += "?when=" + escaped_for_query(call.words[0]);
  }
  std::optional<AdminClient> client = client_of(call);
  if (!client) return failed;
  const bool is_json = call.has("--json");
  bool is_lost = false;
  const AdminAnswer answer = client->follow(path, [&](std::string_view line) {
    if (line == ": tap") std::fputs("watching\n", stderr);
    if (line.starts_with("event: lost")) is_lost = true;
    if (!line.starts_with("data: ")) return true;
    line.remove_prefix(6);
    if (std::exchange(is_lost, false))
      std::fprintf(stderr, "outrider: %s were too many to be shown\n", harmless(line).c_str());
    else
      print(is_json ? std::string(line) + '\n' : tap_line(parse_json(line)));
    return std::ferror(stdout) == 0;  // else nobody reads any more
  });
  return answer.is_well() ? done : complain(without_end(answer.body));
}

int why(const Call& call) {
  std::optional<AdminClient> client = client_of(call);
  if (!client) return failed;
  const bool is_one = !call.words.empty();
  const AdminAnswer answer =
      client->get(is_one ? "/requests?id=" + escaped_for_query(call.words[0]) : "/requests");
  if (!answer.is_well()) return complain(without_end(answer.body));
  const Json all = parse_json(answer.body);
  const boost::json::array& requests = items(all, "requests");
  if (call.has("--json")) print(answer.body);
  if (is_one && requests.empty())
    return complain("nothing is kept of " + harmless(call.words[0]) +
                    ": the last 200 that failed, were slow, retried or hedged are; `outrider why` "
                    "lists them");
  if (call.has("--json")) return done;
  for (const Json& each : requests) print(is_one ? story_of(each) : summary_of(each) + '\n');
  return done;
}

}  // namespace cli
