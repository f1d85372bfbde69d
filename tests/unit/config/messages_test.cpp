// What a person reads who wrote what is hardly ever meant: each message stands at what must be
// changed, and says what to write instead.
#include "tests/harness/json.hpp"
#include "tests/harness/source_folder.hpp"
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace {

using namespace config_test;

// The whole file with `mistake` in line 5 and on, and the first line of what is said of it.
struct Case {
  std::string text;
  std::string said;
};

std::string first_line(const std::string& mistakes) {
  return mistakes.substr(0, mistakes.find('\n'));
}

std::size_t count_of(const std::string& mistakes) {
  std::size_t count = 0;
  for (std::size_t at = mistakes.find("proxy.yaml:"); at != mistakes.npos;
       at = mistakes.find("proxy.yaml:", at + 1))
    ++count;
  return count;
}

// Each is the only one of its file, and tells no consequences.
void check(const std::vector<Case>& cases) {
  for (const auto& [text, said] : cases) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(first_line(mistakes) == "proxy.yaml:" + said);
    CHECK(count_of(mistakes) == 1);
  }
}

const std::string head = "version: 1\nlisteners:\n  in:\n";
const std::string tail = "clusters:\n  c: { url: http://a }\n";
const std::string routes = "    routes: [{ to: c }]\n";

TEST_CASE("config messages: YAML that is none is blamed where it was broken") {
  check({
      {head + "\tbind: 127.0.0.1:0\n" + routes + tail,
       "4:1: a tab cannot indent: write blanks instead"},
      {head + "    bind: \"127.0.0.1:0\n" + routes + tail,
       "4:11: this quotation mark is not closed in its line: \" is missing"},
      {head + "    bind: '127.0.0.1:0\n" + routes + tail,
       "4:11: this quotation mark is not closed in its line: ' is missing"},
      {head + "    bind: 127.0.0.1:0\n    routes: [{ to: c ]\n" + tail,
       "5:14: this `{` is never closed: `}` is missing"},
      {head + "    bind: 127.0.0.1:0\n    routes: [{ to: c }\n" + tail,
       "5:13: this `[` is never closed: `]` is missing"},
      {head + "    bind:127.0.0.1:0\n" + routes + tail,
       "5:11: this is not YAML: text with `{`, `}` or `: ` inside braces needs quotes (illegal map "
       "value)"},
      {head + "    bind: 127.0.0.1:0\n" + routes +
           "clusters:\n  c:\n    url:http://a\n    host: b\n",
       "8:5: a blank is missing behind the colon: write `url: http://a`"},
      {head + "    bind: 127.0.0.1:0\n" + routes + "clusters:\n  c:\n    url:http://a\n",
       "8:5: a blank is missing behind the colon: write `url: http://a`"},
      {head + "    bind: 127.0.0.1:0\n   " + routes + tail,
       "5:8: this line is indented by 7, and the line above it by 4 has a value already: write 4 "
       "blanks"},
      {head + "    bind: 127.0.0.1:0\n   routes: []\n" + tail,
       "5:4: this line is indented by 3, and no line above it that it could belong to: write 4 or "
       "2 "
       "blanks"},
      {head + "    bind: 127.0.0.1:0\n    \xc2\xa0routes: [{ to: c }]\n" + tail,
       "5:5: before `routes` stands a character that looks like a blank: write blanks instead"},
      {head + "    bind: 127.0.0.1:0\n    routes: [{ respond: { body: no: way } }]\n" + tail,
       "5:33: text that holds a colon and a blank needs quotes: write \"no: way\""},
      {head + "    bind: 127.0.0.1:0\n" + routes + "---\n" + tail,
       "6:1: a second document begins here, and one file holds one: take this line away"},
      {"x: 'it's'\n" + head,
       "1:7: the quoted text ends here, and more follows: within '...' the mark itself is written "
       "twice"},
  });
}

TEST_CASE("config messages: of a file in another encoding") {
  CHECK(first_line(mistakes_of(std::string("\xff\xfe"
                                           "v\0",
                                           4))) ==
        "proxy.yaml:1:1: the file is UTF-16: save it as UTF-8");
  CHECK(first_line(mistakes_of("version: 1\nx: \xe4\n")) ==
        "proxy.yaml:2:4: this byte is not UTF-8: save the file as UTF-8");
  CHECK(first_line(mistakes_of(std::string("version: 1\nx: \0\n", 16))) ==
        "proxy.yaml:2:4: a NUL byte cannot stand here");
  CHECK(first_line(mistakes_of("\xef\xbb\xbfverson: 1\n" + with_top("").substr(11))) ==
        "proxy.yaml:1:1: unknown key \"verson\", did you mean \"version\"?");
}

TEST_CASE("config messages: a misspelt key is meant, and nothing is missing for it") {
  check({
      {"version: 1\nlistener:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\n" + tail,
       "2:1: unknown key \"listener\", did you mean \"listeners\"?"},
      {file("bnid: 127.0.0.1:0, routes: [{ to: c }]", "url: http://a"),
       "4:9: unknown key \"bnid\", did you mean \"bind\"?"},
      {with_cluster("ulr: http://a"), "6:8: unknown key \"ulr\", did you mean \"url\"?"},
      {with_route("too: c"), "4:39: unknown key \"too\", did you mean \"to\"?"},
      {with_route("cluster: c"), "4:39: unknown key \"cluster\": here it is `to`"},
      {with_filter("retry: { maxRetries: 2 }"),
       "6:44: unknown key \"maxRetries\", did you mean \"max_retries\"?"},
      {with_filter("circuitBreaker: {}"),
       "6:33: there is no filter \"circuitBreaker\", did you mean \"circuit_breaker\"?"},
      {"version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\nupstreams:\n"
       "  c: { url: http://a }\n",
       "4:1: unknown key \"upstreams\": here it is `clusters`"},
      {with_route("to: c, match: { filters: [] }"),
       "4:55: unknown key \"filters\": it stands in a listener, a route or a cluster"},
      {with_listener("retry: {}"),
       "4:49: unknown key \"retry\": it is a filter, and stands in a list: `filters: [{ retry: {} }]`"},
  });
}

TEST_CASE("config messages: a word that nobody knows is meant, or is told which there are") {
  check({
      {with_listener("protocols: [htp1]"),
       "4:61: \"htp1\" is not one of http1, h2, did you mean \"http1\"?"},
      {with_listener("protocols: spdy"), "4:60: \"spdy\" is not one of http1, h2"},
      {with_filter("retry: { retry_on: [\"grpc:unavailabel\"] }"),
       "6:55: \"unavailabel\" is not a status of gRPC, did you mean \"unavailable\"?"},
      {with_top("log: { level: loud }"), "2:15: \"loud\" is not one of debug, info, warning, error"},
  });
  CHECK(mistakes_of(with_top("access_log: { fields: [colour] }"))
            .find("there is no field \"colour\": known are listener, ") != std::string::npos);
}

TEST_CASE("config messages: nothing that is not built is proposed") {
  for (const std::string& text : {with_filter("compres: {}"), with_filter("webhok: {}")}) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(mistakes.find("did you mean") == mistakes.npos);
  }
  CHECK(mistakes_of(with_cluster("url: http://a, health_checks: {}"))
            .find("here it is `health`") != std::string::npos);
}

TEST_CASE("config messages: a scalar where a map stands names the field to write") {
  check({
      {with_filter("timeout: 5s"), "6:44: a map is expected, not text: write { total: 5s }"},
      {with_filter("retry: 3"), "6:42: a map is expected, not text: write { max_retries: 3 }"},
      {with_route("respond: 403"), "4:48: a map is expected, not text: write { status: 403 }"},
      {with_top("admin: 127.0.0.1:1"),
       "2:8: a map is expected, not text: write { bind: \"127.0.0.1:1\" }"},
      {with_top("log: debug"), "2:6: a map is expected, not text: write { level: debug }"},
      {with_top("access_log: none"), "2:13: a map is expected, not text: write { format: none }"},
      {with_listener("tls: a.pem"),
       "4:54: a map is expected, not text: write { cert: a.pem, key: ... }"},
      {with_cluster("url: http://a, filters: retry"),
       "6:32: a list of filters is expected, not text: write [retry]"},
      {with_cluster("url: http://a, filters: { retry: {} }"),
       "6:32: a list of filters is expected, not a map: write a dash before each, as in `- retry: "
       "...`"},
      {with_cluster("endpoints: a:80"),
       "6:19: a list of endpoints is expected, not text: write [\"a:80\"]"},
  });
}

TEST_CASE("config messages: values say what to write instead") {
  check({
      {with_filter("timeout: { total: 5 sec }"),
       "6:53: \"5 sec\" is not a duration such as 250ms, 5s, 1m30s or 2h: write 5s"},
      {with_filter("body_limit: { request: 10M }"),
       "6:58: \"10M\" is not a size such as 512B, 64KiB, 10MiB (or kB, MB, GB, GiB): write 10MiB"},
      {with_filter("circuit_breaker: { failure_ratio: 0.5 }"),
       "6:69: 0.5 is a share: as a percentage it is written 50%"},
      {with_listener("normalize_path: yes"), "4:65: \"yes\" is neither true nor false: write true"},
      {file("bind: 15001, routes: [{ to: c }]", "url: http://a"),
       "4:15: \"15001\" has no address: write 127.0.0.1:15001 for this machine alone, or "
       "0.0.0.0:15001 for all networks"},
      {file("bind: \"::1:80\", routes: [{ to: c }]", "url: http://a"),
       "4:15: \"::1:80\" needs brackets: write \"[::1]:80\""},
      {with_cluster("url: a.b:80"), "6:13: \"a.b:80\" has no scheme: write http://a.b:80"},
      {with_cluster("url: http://a/b"),
       "6:13: a cluster's URL has no path: write http://a, and in the route `rewrite: { path: /b/* "
       "}`"},
      {with_route("to: c, match: { path: v1 }"), "4:61: \"v1\" does not begin with /: write /v1"},
      {with_route("to: c, match: { host: \"a.b:80\" }"),
       "4:61: \"a.b:80\" has a port, and hosts are matched without: write a.b"},
      {with_route("to: d"), "4:43: there is no cluster \"d\": there is \"c\""},
      {with_route("to: other"), "4:43: there is no cluster \"other\": there is \"c\""},
      {with_filter("headers: { request: { set: { x-id: {request_id} } } }"),
       "6:70: text or a list of texts is expected, not a map: text that begins with { needs "
       "quotes, "
       "as in \"{request_id}\""},
      {with_cluster("url: http://a, load_balancer: ROUND_ROBIN"),
       "6:38: \"ROUND_ROBIN\" is not one of least_request, round_robin, ewma, random, ring_hash, "
       "maglev, did you mean \"round_robin\"?"},
  });
}

TEST_CASE("config messages: a variable is named, its value never shown") {
  setenv("OUTRIDER_TEST_SECRET", "hunter2", 1);
  setenv("OUTRIDER_TEST_SHORT", "x7", 1);
  check({
      {with_filter("timeout: { total: \"${OUTRIDER_TEST_SECRET}\" }"),
       "6:53: \"${OUTRIDER_TEST_SECRET}\" is not a duration such as 250ms, 5s, 1m30s or 2h"},
      {with_cluster("url: \"http://a:${OUTRIDER_TEST_SECRET}\""),
       "6:13: \"http://a:${OUTRIDER_TEST_SECRET}\" is not http://host or http://host:port"},
      {with_filter("timeout: { total: \"${OUTRIDER_TEST_SHORT}\" }"),
       "6:53: \"${OUTRIDER_TEST_SHORT}\" is not a duration such as 250ms, 5s, 1m30s or 2h"},
      {with_route("to: \"${OUTRIDER_TEST_SECRET}\""),
       "4:43: there is no cluster \"${OUTRIDER_TEST_SECRET}\": there is \"c\""},
  });
}

TEST_CASE("config messages: nothing made of a variable's value is suggested") {
  const auto told = [](const std::string& value, const std::string& text) {
    setenv("OUTRIDER_TEST_SECRET", value.c_str(), 1);
    return mistakes_of(text);
  };
  const std::string variable = "\"${OUTRIDER_TEST_SECRET}\"";
  for (const std::string& mistakes :
       {told("Hunter.two:80", with_route("match: { host: " + variable + " }, to: c")),
        told("/hunter?two=1", with_route("match: { path: " + variable + " }, to: c")),
        told("/hunter.x*two", with_route("match: { path: " + variable + " }, to: c")),
        told("/hunter*", with_route("match: { path: " + variable + " }, to: c")),
        told("hunter", with_route("match: { method: " + variable + " }, to: c")),
        told("(hunter", with_route("match: { path_regex: " + variable + " }, to: c")),
        told("http://hunter/two", with_cluster("url: " + variable)),
        told("http://hunter?two", with_cluster("url: " + variable)),
        told("http://hunter two", with_cluster("url: " + variable)),
        told("http://hunter", with_cluster("url: " + variable + ", tls: {}")),
        told("4711 sec", with_cluster("url: http://a, connect_timeout: " + variable)),
        told("fe80::4711:15001", with_listener("bind2: 1, bind: " + variable))}) {
    CAPTURE(mistakes);
    CHECK(mistakes.find('^') != mistakes.npos);
    for (const std::string_view part : {"hunter", "Hunter", "HUNTER", "two", "4711"})
      CHECK(mistakes.find(part) == mistakes.npos);
  }
  CHECK(told("::0", file("bind: [\"[::]:1\", \"[${OUTRIDER_TEST_SECRET}]:1\"], routes: [{ to: c }]",
                         "url: http://a"))
            .find("this address is bound already") != std::string::npos);
}

TEST_CASE("config messages: the line shown hides what usually is a secret") {
  for (const std::string& text :
       {with_filter(
            "headers: { request: { set: { authorization: Bearer hunter2, connection: a } } }"),
        with_cluster("url: \"http://user:hunter2@a\"")}) {
    const std::string mistakes = mistakes_of(text);
    CAPTURE(mistakes);
    CHECK(mistakes.find('^') != mistakes.npos);
    CHECK(mistakes.find("hunter2") == mistakes.npos);
  }
}

std::vector<std::string> warnings_of(const std::string& text) {
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE_MESSAGE(loaded.config, mistakes_of(text));
  std::vector<std::string> lines;
  for (const config::Mistake& warning : loaded.config->warnings) lines.push_back(warning.summary());
  return lines;
}

TEST_CASE("config warnings: unused clusters, routes that nothing reaches, peers not verified") {
  const auto routed = [](const std::string& listed) {
    return file("bind: 127.0.0.1:0, routes: [" + listed + "]", "url: http://a");
  };
  const std::string behind = "this route is never reached";
  for (const char* listed :
       {"{ to: c }, { match: { path: /a }, to: c }",
        "{ match: { path: /a/* }, to: c }, { match: { path: [/a, /a/b/*] }, to: c }",
        "{ match: { host: \"*.a\" }, to: c }, { match: { host: b.a, method: GET }, to: c }",
        "{ match: { host: [a.b, c.d], path: [/a/*, /b] }, to: c }, "
        "{ match: { host: c.d, path: [/b, /a/c] }, to: c }",
        "{ match: { host: a }, to: c }, { match: { host: a, path: /a }, to: c }",
        "{ match: { headers: { x: \"*\" } }, to: c }, { match: { headers: { x: y } }, to: c }"}) {
    CAPTURE(listed);
    const auto warnings = warnings_of(routed(listed));
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].find(behind) != std::string::npos);
  }
  for (const char* listed :
       {"{ match: { path: /a }, to: c }, { to: c }",
        "{ match: { path: /a/* }, to: c }, { match: { path: [/a, /ab] }, to: c }",
        "{ match: { host: \"*.a\" }, to: c }, { match: { host: c.b.a }, to: c }",
        "{ match: { method: GET }, to: c }, { match: { path: /a }, to: c }",
        "{ match: { path_regex: a }, to: c }, { match: { path_regex: b }, to: c }",
        "{ match: { headers: { x: y } }, to: c }, { match: { headers: { x: \"*\" } }, to: c }"}) {
    CAPTURE(listed);
    CHECK(warnings_of(routed(listed)).empty());
  }
  const auto both = warnings_of(
      routed("{ match: { host: \"*.a\", path: /x }, to: c },\n"
             "    { match: { path: /x/* }, to: c },\n"
             "    { match: { host: b.a }, to: c },\n"
             "    { match: { host: b.a, path: /x/y }, to: c }"));
  REQUIRE(both.size() == 1);
  CHECK_MESSAGE(both[0].find("the route in line 5 takes before") != std::string::npos, both[0]);
  std::string many;
  for (int i = 0; i < 5'000; ++i)
    many += "{ match: { path: /" + std::to_string(i) + "/* }, to: c }, ";
  const auto of_many = warnings_of(routed(many + "{ match: { path: /4999/x }, to: c }"));
  REQUIRE(of_many.size() == 1);
  CHECK(of_many[0].find(behind) != std::string::npos);
  CHECK(warnings_of(with_cluster("url: https://a, tls: { insecure: true }")) ==
        std::vector<std::string>{"proxy.yaml:6:31: cluster c: insecure: certificates of its "
                                 "endpoints are not verified"});
  CHECK(warnings_of(with_route("respond: {}")) ==
        std::vector<std::string>{"proxy.yaml:6:3: no route leads to the cluster \"c\""});
}

// Mistakes that people made elsewhere, if their collection lies beside the sources. What loads is
// right or worth a warning; all else is told with a place and a caret, and nobody's secret.
TEST_CASE("config messages: of each mistake of a collection") {
  const std::string path =
      harness::source_folder() + "/../shared/corpora/config-mistakes/mistakes.jsonl";
  if (!std::filesystem::exists(path)) {
    MESSAGE("skipped: there is no ", path);
    return;
  }
  setenv("SECRET_PW", "hunter2", 1);
  for (const harness::Json& entry : harness::read_json_lines(path)) {
    const std::string text = entry["yaml"].text();
    CAPTURE(text);
    const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
    for (const config::Mistake& mistake : loaded.mistakes) {
      const std::string said = mistake.to_string();
      CAPTURE(said);
      CHECK(mistake.mark.source != nullptr);
      CHECK(mistake.mark.line > 0);
      CHECK(said.find("^\n") != said.npos);
      CHECK(said.find("hunter2") == said.npos);
      CHECK(said.find("this is not YAML") == said.npos);
    }
  }
}

}  // namespace
