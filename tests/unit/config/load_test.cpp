#include "config/load.hpp"

#include "filters/registry.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

config::Loaded load(const std::string& text) {
  return config::load_text("proxy.yaml", text, filters::specs());
}

std::string mistakes_of(const config::Loaded& loaded) {
  std::string all;
  for (const config::Mistake& mistake : loaded.mistakes) all += mistake.to_string();
  return all;
}

bool mentions(const std::string& text, const std::string& words) {
  const std::string mistakes = mistakes_of(load(text));
  const bool found = mistakes.find(words) != mistakes.npos;
  if (!found) MESSAGE(mistakes);
  return found;
}

const std::string smallest = R"(version: 1
listeners:
  egress:
    bind: 127.0.0.1:15001
    routes:
      - to: orders
clusters:
  orders:
    url: https://orders.internal:8443
    tls: { ca: ca.pem }
    filters:
      - retry: {}
      - circuit_breaker
)";

// One route and one cluster around what is to be looked at.
std::string with_cluster(const std::string& fields) {
  return "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\nclusters:\n  "
         "c:\n" +
         fields;
}

TEST_CASE("the smallest file loads, with the defaults of the language") {
  const config::Loaded loaded = load(smallest);
  REQUIRE_MESSAGE(loaded.config, mistakes_of(loaded));
  const config::Config& config = *loaded.config;
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].direction == config::Direction::outbound);
  CHECK_FALSE(config.listeners[0].normalize_path);
  CHECK(config.listeners[0].routes[0].name == "egress.1");
  REQUIRE(config.clusters.size() == 1);
  const config::Cluster& orders = config.clusters[0];
  CHECK(orders.host == config::HostRule::url);
  CHECK(orders.url_authority == "orders.internal:8443");
  CHECK(orders.tls.value().server_name == "orders.internal");
  CHECK(orders.filters.size() == 2);
  CHECK(orders.pool.idle_http1 == base::Millis{4000});
}

TEST_CASE("a mistake is shown with its place, its line, a caret and what was meant") {
  const config::Loaded loaded = load(
      "version: 1\nlisteners:\n  egress:\n    bind: 127.0.0.1:0\n    idel_timeout: 5s\n"
      "    routes: [{ to: a }]\nclusters:\n  a: { url: \"http://127.0.0.1:1\" }\n");
  CHECK(mistakes_of(loaded) ==
        "proxy.yaml:5:5: unknown key \"idel_timeout\", did you mean \"idle_timeout\"?\n"
        "      idel_timeout: 5s\n"
        "      ^\n");
}

TEST_CASE("all mistakes of a file are found in one run") {
  const config::Loaded loaded = load(
      "version: 2\nworkers: many\nlisteners:\n  a:\n    bind: here\n    header_timeout: 0s\n"
      "    routes:\n      - to: { x: 60%, y: 30% }\n      - redirect: {}\n        to: z\n"
      "clusters:\n  x: { url: ftp://a }\n  y: { url: http://a/path }\n");
  CHECK_FALSE(loaded.config);
  CHECK(loaded.mistakes.size() >= 8);
}

TEST_CASE("each mistake says what is wrong") {
  CHECK(mentions("version: 1\nversion: 1\n", "stands here twice"));
  CHECK(mentions("a: [\n", "`[` is never closed"));
  CHECK(mentions("version: \"1\n", "is not closed in its line"));
  CHECK(mentions("version: &a 'it''s\n", "never closed"));
  for (const char* text : {"version: &a 'it''s'\n", "version: \"a\\\"\"\n"})
    CHECK(mistakes_of(load(text)).find("is never closed") == std::string::npos);
  CHECK(mentions("x-a: *b\n", "begins with `*` needs quotes"));
  CHECK(mentions("x-a: @b\n", "needs quotes"));
  CHECK(mentions("x-a: ! b\n", "needs quotes"));
  CHECK(mentions("x-a: 'it's'\n", "the mark itself is written twice"));
  CHECK(mentions("version: 1\n---\nversion: 1\n", "a second document"));
  CHECK(mentions("version: !!int 1\n", "tags are not used"));
  CHECK(mentions("version: 1\nupstreams: {}\n", "here it is `clusters`"));
  CHECK(mentions("version: 1\nlisteners:\n  a:\n", "a map is expected"));
  CHECK(mentions("version: 1\nx: \xff\n", "not UTF-8"));
  CHECK(mentions(with_cluster("    { url: http://a, pool: { conections: 1 } }\n"),
                 "did you mean \"connections\"?"));
  CHECK(mentions(with_cluster("    { url: http://a, tls: {} }\n"), "write https://"));
  CHECK(mentions(with_cluster("    { endpoints: [\"1.2.3.4:1\"], tls: {} }\n"),
                 "need `server_name` or `san`"));
  CHECK(mentions(with_cluster("    { url: http://a, endpoints: [\"1.2.3.4:1\"] }\n"),
                 "one of `url`, `endpoints` and `discovery`"));
  CHECK(mentions(with_cluster("    { url: http://a, filters: [{ retri: {} }] }\n"),
                 "did you mean \"retry\"?"));
  CHECK(mentions(with_cluster("    { url: http://a, filters: [retry, retry] }\n"),
                 "stands twice in this list"));
  CHECK(mentions(
      with_cluster("    { url: http://a, filters: [{ retry: { retry_on: [pool_full] } }] }\n"),
      "never retried"));
  CHECK(mentions(with_cluster("    { url: http://a, connect_timeout: 5000 }\n"), "5000 what?"));
}

TEST_CASE("what this version does not build is refused by name") {
  CHECK(mentions(with_cluster("    { url: http://a, filters: [{ compress: {} }] }\n"),
                 "not yet in this version"));
}

TEST_CASE("merge keys fill what a map does not say itself") {
  const config::Loaded loaded = load(
      "version: 1\nx-fast: &fast { connect_timeout: 1s, protocol: h2 }\nlisteners:\n"
      "  in: { bind: 127.0.0.1:0, routes: [{ to: a }] }\nclusters:\n"
      "  a: { <<: *fast, url: http://a, protocol: http1 }\n");
  REQUIRE_MESSAGE(loaded.config, mistakes_of(loaded));
  CHECK(loaded.config->clusters[0].connect_timeout == base::Millis{1000});
  CHECK(loaded.config->clusters[0].protocol == config::HttpVersion::http1);
}

TEST_CASE("aliases cannot make a small file large, or a circle") {
  std::string bomb = "version: 1\nx-0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "x-" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) bomb += (k ? ", " : "") + last;
    bomb += "]\n";
  }
  CHECK(mentions(bomb, "more than 100000 values"));
  CHECK(mentions("x-a: &a [*a]\n", "alias"));
  CHECK(mentions("x: " + std::string(100, '[') + std::string(100, ']') + "\n", "nested deeper"));
}

TEST_CASE("variables are replaced in values, and shown as written") {
  setenv("OUTRIDER_TEST_PORT", "8080", 1);
  const config::Loaded loaded = load(with_cluster(
      "    { url: \"http://127.0.0.1:${OUTRIDER_TEST_PORT}\", host: \"${NOT_SET:-a.test}\" }\n"));
  REQUIRE_MESSAGE(loaded.config, mistakes_of(loaded));
  CHECK(loaded.config->clusters[0].endpoints[0].port == 8080);
  CHECK(loaded.config->clusters[0].fixed_host == "a.test");
  CHECK(loaded.config->effective.find("${OUTRIDER_TEST_PORT}") != std::string::npos);
  CHECK(mentions(with_cluster("    { url: \"${NOT_SET}\" }\n"), "NOT_SET is not set"));
  CHECK(mentions(with_cluster("    { url: \"${NOT_SET:?say where}\" }\n"), "say where"));
}

class Folder {
 public:
  Folder() { std::filesystem::create_directories(path_); }
  ~Folder() { std::filesystem::remove_all(path_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name) << text;
  }
  std::string mistakes() const {
    return mistakes_of(config::load((path_ / "main.yaml").string(), filters::specs()));
  }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("outrider-include-test-" + std::to_string(getpid()));
};

const std::string route_to = "listeners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: extra }] }\n";

TEST_CASE(
    "included files add listeners and clusters; paths are relative to the file that names them") {
  const Folder folder;
  folder.write("one.yaml",
               "clusters: { extra: { url: http://b, connect_timeout: \"${file:time}\" } }\n");
  folder.write("time", "3s\n");
  folder.write("main.yaml", "version: 1\ninclude: [one.yaml, one*.yaml, none-*.yaml]\n" + route_to);
  CHECK(folder.mistakes() == "");
}

TEST_CASE("included files: a circle, a missing file and a name twice are mistakes") {
  const Folder folder;
  folder.write("circle.yaml", "include: [./circle.yaml]\n");
  folder.write("one.yaml", "clusters: { extra: { url: http://b } }\n");
  folder.write("two.yaml", "version: 1\nclusters: { extra: { url: http://b } }\n");
  folder.write("main.yaml",
               "version: 1\ninclude: [circle.yaml, missing.yaml, one.yaml, two.yaml]\n" + route_to);
  const std::string mistakes = folder.mistakes();
  CAPTURE(mistakes);
  for (const char* words :
       {"includes itself", "cannot read", "missing.yaml: No such file",
        "two.yaml:2:13: there are two of the cluster \"extra\"; the first is in", "one.yaml:1",
        "\"version\" stands in the main file only"})
    CHECK(mistakes.find(words) != mistakes.npos);
}

TEST_CASE("mode and owner say who may connect to a unix socket, and to nothing else") {
  const auto listener = [](const std::string& fields) {
    return "version: 1\nlisteners:\n  in: { routes: [{ respond: { status: 204 } }], " + fields +
           " }\n";
  };
  const config::Loaded loaded =
      load(listener("bind: [\"unix:/a\", \"127.0.0.1:0\"], mode: \"0600\", owner: \"app:1000\"") +
           "admin: { bind: \"unix:/b\", mode: 640 }\n");
  REQUIRE_MESSAGE(loaded.config, mistakes_of(loaded));
  CHECK(loaded.config->listeners[0].mode == 0600);
  CHECK(loaded.config->listeners[0].owner == "app:1000");
  CHECK(loaded.config->admin->mode == 0640);
  const config::Loaded silent = load(listener("bind: \"unix:/a\""));
  REQUIRE(silent.config);
  CHECK(silent.config->listeners[0].mode == 0660);
  CHECK(mentions(listener("bind: 127.0.0.1:0, mode: \"0600\""), "`mode` is of a unix socket"));
  CHECK(mentions(listener("bind: 127.0.0.1:0, owner: me"), "`owner` is of a unix socket"));
  CHECK(mentions(listener("bind: 127.0.0.1:0") + "admin: { bind: \"127.0.0.1:0\", owner: me }\n",
                 "`owner` is of a unix socket"));
  for (const char* mode : {"0888", "rw-", "10660", "66", "0o660"})
    CHECK(mentions(listener(std::string("bind: \"unix:/a\", mode: \"") + mode + "\""),
                   "is not a file mode"));
  for (const char* owner : {":", "a:b:c"})
    CHECK(mentions(listener(std::string("bind: \"unix:/a\", owner: \"") + owner + "\""),
                   "is not an owner"));
}

}  // namespace
