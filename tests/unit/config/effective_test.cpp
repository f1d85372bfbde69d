// What is in force, as a file would say it: with defaults, as written where something was, without
// secrets; and that each row's default is the one that its struct has.
#include "config/parse.hpp"
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

using namespace config_test;

std::string effective(const std::string& text) {
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE_MESSAGE(loaded.config, mistakes_of(text));
  return loaded.config->effective;
}

bool says(const std::string& dump, const std::string& lines) {
  const bool found = dump.find(lines) != dump.npos;
  if (!found) MESSAGE("not found: ", lines, "\nin:\n", dump);
  return found;
}

TEST_CASE("effective configuration: holds the defaults of all that is there") {
  const std::string dump =
      effective(with_cluster("url: http://a, filters: [retry, { timeout: { total: 9s } }]"));
  CHECK(says(dump, "version: 1\nworkers: auto\n"));
  CHECK(says(dump, "limits:\n  connections: 10000\n"));
  CHECK(says(dump, "  trailer_bytes: 32KiB\n"));
  CHECK(says(dump, "    bind: 127.0.0.1:0\n    direction: outbound\n    protocols: [http1, h2]\n"));
  CHECK(says(dump, "      send: none\n"));
  CHECK(says(dump, "      - name: in.1\n        to: c\n        filters: []\n"));
  CHECK(says(dump, "    host: url\n    protocol: auto\n"));
  CHECK(says(dump, "      hold: 3s\n"));
  CHECK(says(dump,
             "      - retry:\n          max_retries: 3\n          retry_on: [connect, refused,"));
  CHECK(says(dump, "      - timeout:\n          total: 9s\n          response: 0s\n"));
  for (const char* absent : {"tls:", "admin:", "health", "rewrite", "include"})
    CHECK(dump.find(absent) == dump.npos);
}

std::string fields_of(const std::string& filter) {
  const std::string text = with_cluster("url: http://a, filters: [" + filter + "]");
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE_MESSAGE(loaded.config, mistakes_of(text));
  return loaded.config->clusters.front().filters.front().fields;
}

TEST_CASE("a filter's fields: tell what is in force, however it is written") {
  const std::string retry = fields_of("retry");
  for (const char* same :
       {"retry: {}", "retry: { max_retries: 3 }", "retry: { budget: { min: 3/s } }",
        "retry: { backoff: { max: 10000ms, base: 100ms }, max_body: 65536B }"})
    CHECK_MESSAGE(fields_of(same) == retry, same);
  for (const char* other :
       {"retry: { max_retries: 4 }", "retry: { budget: { ratio: 11% } }",
        "retry: { backoff: { jitter: 0% } }", "retry: { methods: any }", "timeout: {}"})
    CHECK_MESSAGE(fields_of(other) != retry, other);
  const std::string header = "headers: { request: { set: { x-a: ";
  CHECK(fields_of(header + "b } } }") == fields_of(header + "\"b\" } } }"));
  CHECK(fields_of(header + "b } } }") != fields_of(header + "c } } }"));
  CHECK(fields_of("request_id: { trust: true }") != fields_of("request_id: { trust: false }"));
}

TEST_CASE("effective configuration: loads again, and is then the same") {
  for (const std::string& text :
       {with_top("admin: { bind: \"127.0.0.1:0\" }\nlog: { level: debug, to: x.log }"),
        with_listener("tls: { cert: a, key: b, client_ca: c }, protocols: h2, direction: inbound, "
                      "forwarded: { trust: 10.0.0.0/8, send: both }, filters: [{ headers: { "
                      "response: { set: { x-a: [\"b: c\", \"{source_ip}\"] }, remove: d } } }]"),
        with_route("match: { path: /a/*, headers: { x-a: \"*\" } }, redirect: { path: \"/b\" }"),
        with_route("respond: { body: \"a: 'b' \\\"c\\\"\\n\" }"),
        with_cluster("url: https://a.b:8443, host: \"c:1\", tls: { san: [d, \"spiffe://e/f\"] }"),
        with_cluster("endpoints: [\"10.0.0.1:1\", { address: \"[::1]:2\", weight: 3 }]"),
        with_cluster("url: http://a, health: { tcp: true }, outlier: { eject_for: 90s }"),
        with_cluster("url: http://a, health: { grpc: \"\" }, panic: 0%"),
        with_cluster("url: http://a, health: { path: /a, expect: [200, 404-499] }"),
        with_cluster("url: http://a, load_balancer: maglev, hash_on: { cookie: pin }"),
        with_cluster("url: http://a, load_balancer: ring_hash, hash_on: \"header:x-a\""),
        with_filter("fault: { abort: { status: 503, sample: 12.5% } }"),
        with_filter("retry: { methods: [POST], retry_on: [503, connect] }"),
        with_filter("throttle: { rate: 5/s }"), with_filter("bulkhead: { max_concurrent: 3 }"),
        with_filter(
            "throttle: { rate: 5/m, key: [\"header:x-a\", path], on_excess: queue, burst: 2 }"),
        with_filter("fallback: { respond: { body: \"a: b\", headers: { x-a: \"1\" } } }"),
        with_filter("fallback: { stale: {}, when: [5xx] }"), with_filter("shed"),
        with_filter("adaptive_concurrency"), with_filter("collapse: { headers: accept }")}) {
    CAPTURE(text);
    const std::string dump = effective(text);
    CHECK(effective(dump) == dump);
  }
}

TEST_CASE("effective configuration: variables stay as they were written, secrets are not shown") {
  setenv("OUTRIDER_TEST_HOST", "inner.test", 1);
  const std::string dump = effective(
      file("bind: 127.0.0.1:0, routes: [{ to: c }], filters: [{ headers: { request: { set: { "
           "authorization: Bearer hunter2, x-api-key: hunter2, x-kind: plain } } } }]",
           "url: \"http://${OUTRIDER_TEST_HOST}\""));
  CHECK(says(dump, "url: \"http://${OUTRIDER_TEST_HOST}\""));
  CHECK(says(dump, "authorization: \"(redacted)\""));
  CHECK(says(dump, "x-kind: plain"));
  CHECK(dump.find("hunter2") == dump.npos);
  CHECK(dump.find("inner.test") == dump.npos);
}

TEST_CASE("effective configuration: nothing made of a variable or a file is shown either") {
  namespace fs = std::filesystem;
  const std::string secret =
      (fs::temp_directory_path() / ("outrider-secret-" + std::to_string(getpid()))).string();
  std::ofstream(secret) << "inner.test\n";
  setenv("OUTRIDER_TEST_HOST", "inner.test", 1);
  setenv("OUTRIDER_TEST_LOG", "stdout", 1);
  for (const std::string& variable :
       {"${file:" + secret + "}", std::string("${OUTRIDER_TEST_HOST}")})
    for (const std::string tls : {"", ", tls: { ca: ca.pem }", ", tls: { insecure: true }"}) {
      const std::string dump =
          effective(with_cluster("url: \"https://" + variable + ":8443\"" + tls));
      CAPTURE(dump);
      CHECK(dump.find("inner") == dump.npos);
      CHECK(dump.find("server_name") == dump.npos);
    }
  CHECK(says(effective(with_cluster("url: \"https://${OUTRIDER_TEST_HOST}\", tls: { server_name: "
                                    "said.test }")),
             "server_name: said.test"));
  CHECK(says(effective(with_top("log: { to: \"${OUTRIDER_TEST_LOG}\" }")),
             "to: \"${OUTRIDER_TEST_LOG}\""));
  fs::remove(secret);
}

TEST_CASE("effective configuration: names may sound like secrets") {
  std::string text = with_cluster("url: http://a");
  for (std::size_t at = text.find(" c"); at != text.npos; at = text.find(" c", at + 1))
    if (text[at + 2] == ':' || text[at + 2] == ' ') text.replace(at, 2, " token");
  CHECK(says(effective(text), "  token:\n    url: http://a\n"));
}

TEST_CASE("effective configuration: all files are one, and paths are those in force") {
  namespace fs = std::filesystem;
  const fs::path folder =
      fs::temp_directory_path() / ("outrider-effective-test-" + std::to_string(getpid()));
  fs::create_directories(folder / "more");
  std::ofstream(folder / "main.yaml") << "version: 1\ninclude: [more/*.yaml]\nlisteners:\n"
                                         "  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\n";
  std::ofstream(folder / "more/c.yaml")
      << "clusters:\n  c: { url: https://a, tls: { ca: a.pem } }\n";
  const config::Loaded loaded = config::load((folder / "main.yaml").string(), filters::specs());
  fs::remove_all(folder);
  REQUIRE(loaded.config);
  const std::string& dump = loaded.config->effective;
  CHECK(says(dump, "      ca: " + (folder / "more/a.pem").string() + "\n      server_name: a\n"));
  CHECK(effective(dump) == dump);
}

// As a value of that type, so that 60s and 1m are the same.
bool same(const config::Row& row, const config::Node& value) {
  const std::string fallback(row.fallback);
  if (row.type == "a duration")
    return config::parse_duration(fallback).value == config::parse_duration(value.text).value;
  std::string printed = config::print_yaml(value);
  printed.pop_back();
  return printed == fallback;
}

void check_defaults(const std::vector<config::Row>& rows) {
  for (const config::Row& row : rows) {
    CAPTURE(row.name);
    check_defaults(row.rows);
    if (row.is_built) CHECK_FALSE(row.doc.empty());
    if (row.is_built) CHECK_FALSE(row.type.empty());
    if (row.is_required || !row.value) continue;
    const bool is_in_words = row.fallback.find(' ') != row.fallback.npos && row.fallback[0] != '[';
    if (row.name == "name") continue;  // made of where it stands
    if (is_in_words) continue;
    CAPTURE(row.fallback);
    CHECK_MESSAGE(same(row, *row.value), config::print_yaml(*row.value));
  }
}

TEST_CASE("tables: each row has its doc, its type and the default that its struct has") {
  check_defaults(config::root_rows());
  for (const config::FilterSpec* spec : filters::specs())
    if (spec->is_built) check_defaults(spec->rows());
}

}  // namespace
