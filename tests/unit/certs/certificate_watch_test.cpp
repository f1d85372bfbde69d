#include "certs/certificate_watch.hpp"

#include "certs/files_state.hpp"
#include "tests/unit/certs/made.hpp"

#include <doctest/doctest.h>

#include <ctime>
#include <fstream>
#include <unistd.h>

namespace {

struct Watched {
  Watched() : path("/tmp/outrider-watch." + std::to_string(::getpid())) { write("one"); }
  ~Watched() { ::unlink(path.c_str()); }
  void write(const std::string& text) const { std::ofstream(path) << text; }
  void take(const std::vector<certs::CertificateWatch::Change>& changes) {
    watch.take(
        changes, [this](const std::string& text) { infos.push_back(text); },
        [this](const std::string& text) { warnings.push_back(text); });
  }

  const std::string path;
  certs::CertificateWatch watch;
  std::vector<std::string> infos, warnings;
};

}  // namespace

TEST_CASE("certificate watch: loads what has changed, and once only") {
  Watched w;
  int loads = 0, takes = 0;
  w.watch.add(
      "listener x", {w.path, ""},
      [&loads] {
        ++loads;
        return certs::LoadedContext{std::make_shared<certs::TlsContext>(nullptr), ""};
      },
      [&takes](const std::shared_ptr<const certs::TlsContext>&) { ++takes; });
  w.take(w.watch.look()());
  CHECK(loads == 0);
  w.write("another text");
  const auto changes = w.watch.look()();
  CHECK(loads == 1);
  CHECK(takes == 0);
  w.take(changes);
  CHECK(takes == 1);
  CHECK(w.infos == std::vector<std::string>{"listener x: certificates read again"});
  w.take(w.watch.look()());
  CHECK(loads == 1);
}

TEST_CASE("certificate watch: what cannot be used is not taken, and said") {
  Watched w;
  int takes = 0;
  w.watch.add(
      "cluster y", {w.path},
      [] {
        return certs::LoadedContext{nullptr, "no pair"};
      },
      [&takes](const std::shared_ptr<const certs::TlsContext>&) { ++takes; });
  w.write("another text");
  w.take(w.watch.look()());
  CHECK(takes == 0);
  REQUIRE(w.warnings.size() == 1);
  CHECK(w.warnings[0].find("cluster y: ") == 0);
  CHECK(w.warnings[0].find("no pair") != std::string::npos);
}

TEST_CASE("certificate watch: what is not watched any more is not taken") {
  Watched w;
  int takes = 0;
  w.watch.add(
      "listener x", {w.path},
      [] {
        return certs::LoadedContext{std::make_shared<certs::TlsContext>(nullptr), ""};
      },
      [&takes](const std::shared_ptr<const certs::TlsContext>&) { ++takes; });
  w.write("another text");
  const auto changes = w.watch.look()();
  w.watch = {};
  w.take(changes);
  CHECK(takes == 0);
}

TEST_CASE("certificate watch: tells when what is shown expires, also after it has changed") {
  Watched w;
  const auto of = [&w](std::int64_t not_after) {
    const auto context = std::make_shared<certs::TlsContext>(nullptr);
    context->not_after = not_after;
    context->files_state = certs::state_of({w.path});
    return context;
  };
  w.watch.add(
      "listener x", {w.path},
      [&of] {
        return certs::LoadedContext{of(7), ""};
      },
      [](const std::shared_ptr<const certs::TlsContext>&) {}, of(5));
  w.watch.add(
      "cluster y", {w.path},
      [&of] {
        return certs::LoadedContext{of(0), ""};
      },
      [](const std::shared_ptr<const certs::TlsContext>&) {}, of(0));
  using Expiries = std::vector<std::pair<std::string, std::int64_t>>;
  CHECK(w.watch.expiries() == Expiries{{"listener x", 5}});
  w.write("another text");
  w.take(w.watch.look()());
  CHECK(w.watch.expiries() == Expiries{{"listener x", 7}});
}

TEST_CASE("certificate watch: what changes between reading and watching is seen at the next look") {
  Watched w;
  const auto read = std::make_shared<certs::TlsContext>(nullptr);
  read->files_state = certs::state_of({w.path});
  w.write("another text");
  int takes = 0;
  w.watch.add(
      "listener x", {w.path},
      [&read] {
        return certs::LoadedContext{read, ""};
      },
      [&takes](const std::shared_ptr<const certs::TlsContext>&) { ++takes; }, read);
  w.take(w.watch.look()());
  CHECK(takes == 1);
  w.take(w.watch.look()());
  CHECK(takes == 1);
}

TEST_CASE(
    "certificate watch: what is shown and soon expires is told, with the days that are left") {
  constexpr std::int64_t day = 86'400;
  Watched w;
  const certs_test::Folder folder;
  const certs_test::Pair pair = certs_test::make({.common_name = "a.test", .until = 90 * day});
  certs::TlsServerSettings settings;
  settings.cert = folder.write("a.crt", pair.certificate);
  settings.key = folder.write("a.key", pair.key);
  const certs::LoadedContext loaded = certs::make_server_context(settings);
  REQUIRE(loaded.context);
  const auto never = [] { return certs::LoadedContext{}; };
  const auto unheard = [](const std::shared_ptr<const certs::TlsContext>&) {};
  w.watch.add("listener x", {w.path}, never, unheard, loaded.context);
  w.watch.add("cluster y", {w.path}, never, unheard);
  const std::int64_t end = loaded.context->not_after;
  using Lines = std::vector<std::string>;
  CHECK(w.watch.remarks(end - 14 * day).empty());
  CHECK(w.watch.remarks(end - 14 * day + 1) ==
        Lines{"listener x: its certificate expires in 13 days"});
  CHECK(w.watch.remarks(end - day) == Lines{"listener x: its certificate expires in 1 day"});
  CHECK(w.watch.remarks(end + 1) == Lines{"listener x: its certificate has expired"});
}
