// Files made to take time or memory, and what a message may show.
#include "tests/unit/config/files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace {

using namespace config_test;

std::string repeated(int count, const std::function<std::string(int)>& line) {
  std::string text;
  for (int i = 0; i < count; ++i) text += line(i);
  return text;
}

const std::string head = "version: 1\nlisteners:\n  in:\n    bind: 127.0.0.1:0\n    routes:\n";
const std::string tail = "clusters:\n  c: { url: http://a }\n";

std::string numbered(const std::string& before, int i, const std::string& after) {
  return before + std::to_string(i) + after;
}

// Of this thread alone, whatever else the machine does.
std::clock_t cost_of(const std::string& text) {
  timespec before{};
  timespec after{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
  CHECK(mistakes_of(text).size() < 2'000'000);
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
  return (after.tv_sec - before.tv_sec) * 1'000'000 + (after.tv_nsec - before.tv_nsec) / 1'000;
}

// Sixteen times as much costs sixteen times as much: with the square it would be 256 times.
bool grows_evenly(const std::function<std::string(int)>& text_of, int most) {
  constexpr int times = 16;
  constexpr std::clock_t allowed = 64;
  std::clock_t few = cost_of(text_of(most / times));
  for (int i = 0; i < 2; ++i) few = std::min(few, cost_of(text_of(most / times)));
  return cost_of(text_of(most)) < allowed * few;
}

TEST_CASE("config bounds: thousands of anything are read in linear time") {
  const std::string listener = "version: 1\nlisteners:\n  in:\n    bind: 127.0.0.1:0\n";
  const auto routes = [](int count) {
    return head + repeated(count, [](int i) {
             return numbered("      - { match: { path: /p", i, " }, to: c }\n");
           }) + tail;
  };
  const auto lost_routes = [](int count) {
    return head + repeated(2 * count / 3, [](int i) { return numbered("      - to: x", i, "\n"); }) +
           tail +
           repeated(count, [](int i) { return numbered("  c", i, ": { url: http://a }\n"); });
  };
  const auto twins = [&](int count) {
    return listener + "    filters: [" + repeated(count / 2, [](int) { return "retry, "; }) +
           "]\n    routes:\n" +
           repeated(count, [](int) { return "      - { name: a, to: c }\n"; }) + tail;
  };
  const auto unknown = [](int count) {
    return with_top("") + repeated(count, [](int i) { return numbered("key_", i, ": 1\n"); });
  };
  const auto same = [](int count) {
    return with_top("") + repeated(count, [](int) { return "  c: {}\n"; });
  };
  CHECK(grows_evenly(routes, 16'000));
  CHECK(grows_evenly(lost_routes, 15'000));
  CHECK(grows_evenly(twins, 10'000));
  CHECK(grows_evenly(unknown, 49'000));
  CHECK(grows_evenly(same, 40'000));
}

TEST_CASE("config bounds: values are counted while they are read") {
  const auto is_refused = [](const std::string& text) {
    return mistakes_of(text).find("more than 100000 values") != std::string::npos;
  };
  CHECK(is_refused(repeated(1'000'000, [](int) { return "-\n"; })));
  CHECK(is_refused(std::string(1'000'000, '[')));
  CHECK(is_refused("x-a: &a {" + repeated(30'000, [](int i) { return numbered("k", i, ": 1, "); }) +
                   "}\nx-b:\n" + repeated(2'000, [](int) { return "  - { <<: *a }\n"; })));
}

TEST_CASE("config bounds: of very many mistakes the first are shown, and how many more there are") {
  const std::string mistakes = mistakes_of(
      with_top("") + repeated(3'000, [](int i) { return numbered("key_", i, ": 1\n"); }));
  CHECK(mistakes.find("\"key_999\"") != mistakes.npos);
  CHECK(mistakes.find("and 2000 more") != mistakes.npos);
}

TEST_CASE("config bounds: a long line is shown around the place") {
  const std::string mistakes = mistakes_of(
      with_top("log: { level: info" + std::string(500, ' ') + ", to: stderr, formt: text }"));
  CHECK(mistakes.find("...") != mistakes.npos);
  CHECK(mistakes.find("formt: text }\n") != mistakes.npos);
  CHECK(mistakes.size() < 500);
}

TEST_CASE("config secrets: what came from a file is in no message and no dump") {
  const auto folder = std::filesystem::temp_directory_path() / "outrider-secret-test";
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "secret") << "hunter-two\n";
  const std::string secret = "\"${file:" + (folder / "secret").string() + "}\"";
  for (const std::string& text :
       {with_top("workers: " + secret), with_top("log: { level: " + secret + " }"),
        with_top("limits: { memory: " + secret + " }"), with_top("admin: { bind: " + secret + " }"),
        with_route("to: " + secret), with_route("match: { path: [/a, " + secret + "] }, to: c"),
        with_route("to: c, rewrite: { path: " + secret + " }"),
        with_route("match: { path_regex: \"(${file:" + (folder / "secret").string() +
                   "}\" }, to: c"),
        with_cluster("url: " + secret),
        with_cluster("url: \"http://a/${file:" + (folder / "secret").string() + "}\""),
        with_cluster("url: http://a, connect_timeout: " + secret),
        with_cluster("url: http://a, filters: [" + secret + "]"),
        with_filter("retry: { retry_on: [" + secret + "] }"),
        with_filter("headers: { request: { set: { a: [\"{\", " + secret + "] } } }")}) {
    CAPTURE(text);
    const std::string mistakes = mistakes_of(text);
    CHECK(mistakes != "");
    CHECK(mistakes.find("hunter") == mistakes.npos);
  }
  const auto loaded = config::load_text(
      "a.yaml",
      with_filter("headers: { request: { set: { authorization: Bearer abc, x: " + secret +
                  " } } }"),
      filters::specs());
  REQUIRE(loaded.config);
  CHECK(loaded.config->effective.find("hunter") == std::string::npos);
  CHECK(loaded.config->effective.find("Bearer") == std::string::npos);
  std::filesystem::remove_all(folder);
}

TEST_CASE("config variables: each form that is not one says what is") {
  setenv("OUTRIDER_TEST_BYTES", "\xff", 1);
  const std::pair<const char*, const char*> cases[] = {
      {"${}", "is none of"},
      {"${A:x}", "is none of"},
      {"${A-b}", "is none of"},
      {"${A", "without \"}\""},
      {"${NOT_SET}", "is not set"},
      {"${NOT_SET:?say it}", "NOT_SET: say it"},
      {"${file:/}", "cannot read /"},
      {"${file:/nowhere}", "No such file"},
      {"${file:/dev/zero}", "larger than 64 KiB"},
      {"${OUTRIDER_TEST_BYTES}", "is not UTF-8"},
  };
  for (const auto& [value, words] : cases) {
    CAPTURE(value);
    const std::string mistakes = mistakes_of(with_cluster("url: \"" + std::string(value) + "\""));
    CAPTURE(mistakes);
    CHECK(mistakes.find(words) != mistakes.npos);
    CHECK(mistakes.find("is not a URL") == mistakes.npos);
  }
  CHECK(mistakes_of(with_route("respond: { body: \"$${HOME}\" }")) == "");
}

}  // namespace
