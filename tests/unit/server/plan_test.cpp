#include "proxy/server/plan.hpp"

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

// What is said of a configuration that loads and cannot be put in force.
std::string problems_of(const std::string& text) {
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  REQUIRE(loaded.config);
  const server::Planned planned = server::make_plan(loaded.config);
  std::string all;
  for (const std::string& problem : planned.problems) all += problem;
  return all;
}

}  // namespace

TEST_CASE("plan: what cannot be used is told where it is named, and no variable's value") {
  namespace fs = std::filesystem;
  const std::string secret =
      (fs::temp_directory_path() / ("outrider-plan-test-" + std::to_string(getpid()))).string();
  std::ofstream(secret) << "/hunter/two\n";
  setenv("OUTRIDER_TEST_PATH", "/hunter/two", 1);
  for (const std::string& variable :
       {std::string("\"${OUTRIDER_TEST_PATH}\""), "\"${file:" + secret + "}\""})
    for (const std::string& text :
         {config_test::with_cluster("url: https://a, tls: { ca: " + variable + " }"),
          config_test::with_listener("tls: { cert: " + variable + ", key: k }"),
          config_test::with_top("log: { to: " + variable + " }"),
          config_test::with_top("access_log: { to: " + variable + " }")}) {
      const std::string problems = problems_of(text);
      CAPTURE(problems);
      CHECK(problems.find("hunter") == problems.npos);
      CHECK(problems.find("No such file") != problems.npos);
      CHECK(problems.find('^') != problems.npos);
    }
  fs::remove(secret);
}

TEST_CASE("plan: what is wrong with a file is told at that file's place") {
  const std::string problems =
      problems_of(config_test::with_cluster("url: https://a, tls: { ca: nowhere.pem }"));
  CHECK(problems.starts_with("proxy.yaml:6:35: nowhere.pem: No such file"));
}

TEST_CASE("plan: a unix socket that could not be bound is told before anything is") {
  const auto bound_to = [](const std::string& more) {
    return problems_of(config_test::file(more + ", routes: [{ to: c }]", "url: http://a"));
  };
  const std::string path = "/tmp/outrider-plan." + std::to_string(getpid());
  CHECK(bound_to("bind: \"unix:" + path + "\"") == "");
  CHECK(
      bound_to("bind: \"unix:/nowhere/at/all\"")
          .starts_with("proxy.yaml:4:15: listener in: cannot bind unix:/nowhere/at/all: No such"));
  CHECK(bound_to("bind: \"unix:" + path + "\", owner: nobody-at-all").find("no such user") !=
        std::string::npos);
  CHECK(bound_to("bind: \"unix:" + path + "\", owner: \":nobody-at-all\"").find("no such group") !=
        std::string::npos);
  CHECK(problems_of(config_test::with_top("admin: { bind: \"unix:/nowhere/at/all\" }"))
            .find("admin: cannot bind") != std::string::npos);
}
