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
