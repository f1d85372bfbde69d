#include "proxy/simulate/recording.hpp"
#include "tests/sim/simulated.hpp"

#include <cstdio>
#include <fstream>
#include <map>
#include <unistd.h>

namespace {

using namespace sim_test;

// An access log in a file of its own, which goes with it.
struct RecordedLog {
  explicit RecordedLog(const std::string& text) {
    std::ofstream(file) << text;
  }
  ~RecordedLog() { std::remove(file.c_str()); }
  const std::string file = "/tmp/outrider_recorded_" + std::to_string(::getpid()) + ".log";
};

std::string line(const std::string& time, const std::string& rest) {
  return "{\"ts\":\"2026-01-31T12:00:" + time +
         "Z\",\"listener\":\"in\",\"method\":\"GET\",\"host\":\"a\",\"path\":\"/x\"," + rest +
         ",\"attempts\":1,\"cluster\":\"app\"}\n";
}

TEST_CASE("a recorded log: who asked when, how long it took, and which share failed in each second") {
  const RecordedLog log(
      line("01.000", R"("status":200,"ms":{"total":500.000,"first_byte":40.000})") +
      line("02.800", R"("status":200,"ms":{"total":100.000,"queue":20.000,"first_byte":90.000})") +
      line("02.000", R"("status":503,"ms":{"total":900.000,"first_byte":250.000})") +
      line("03.900", R"("status":429,"reason":"throttled","ms":{"total":0.000})") +
      "{\"ts\":\"2026-01-31T12:00:04.000Z\",\"listener\":\"in\",\"method\":\"CONNECT\"}\n");
  const config::Loaded loaded = config::load_text("test.yaml", config_of(""), filters::specs());
  simulate::Scenario scenario;
  simulate::Recording recording = simulate::read_recording(log.file, *loaded.config, scenario);
  REQUIRE(recording.problem == "");
  CHECK(recording.requests == 4);
  CHECK(recording.skipped == 1);
  // Lines are written when exchanges end, and say when they began.
  CHECK(recording.traffic->next()->at == base::Millis{0});
  CHECK(recording.traffic->next()->at == base::Millis{1'000});
  CHECK(recording.traffic->next()->at == base::Millis{1'800});
  CHECK(recording.traffic->next()->at == base::Millis{2'900});
  CHECK_FALSE(recording.traffic->next());
  CHECK(recording.length == base::Millis{2'901});
  CHECK(scenario.services.at("app").recorded == std::vector<float>{40, 70});
  REQUIRE(scenario.happenings.size() == 1);
  CHECK(scenario.happenings[0].at == base::Millis{1'000});
  CHECK(scenario.happenings[0].length == base::Millis{1'000});
  const simulate::Happening& failures = scenario.happenings[0];
  CHECK(failures.answers == 2);  // that began in that second
  REQUIRE(failures.recorded.size() == 1);
  CHECK(failures.recorded[0].count == 1);
  CHECK(failures.recorded[0].status == 503);
}

TEST_CASE("a recorded log: a line as the proxy writes it") {
  const RecordedLog log(
      R"({"ts":"2026-11-30T17:52:06.417Z","listener":"in",)"
      R"("direction":"outbound","route":"in.1","method":"GET",)"
      R"("host":"127.0.0.1:18778","path":"/x","protocol":"http1",)"
      R"("status":200,"bytes_in":0,"bytes_out":0,)"
      R"("ms":{"total":612.779,"queue":0.000,"connect":0.523,"first_byte":612.779},)"
      R"("attempts":1,"cluster":"app","endpoint":"127.0.0.1:18777",)"
      R"("reused":false,"request_id":"01a22d95-e176-7e41-8d08-e32aa8538374","source":"127.0.0.1"})"
      "\n"
      R"({"ts":"2026-11-30T17:52:07.073Z","listener":"in",)"
      R"("direction":"outbound","route":"in.1","method":"GET",)"
      R"("host":"127.0.0.1:18778","path":"/bad","protocol":"http1",)"
      R"("status":200,"bytes_in":0,"bytes_out":0,)"
      R"("ms":{"total":20.500,"queue":0.000,"first_byte":20.500},)"
      R"("attempts":1,"cluster":"app","endpoint":"127.0.0.1:18777",)"
      R"("reused":true,"request_id":"01a22d95-e401-7060-9083-25ac0a5121e4","source":"127.0.0.1"})"
      "\n");
  const config::Loaded loaded = config::load_text("test.yaml", config_of(""), filters::specs());
  simulate::Scenario scenario;
  const simulate::Recording recording =
      simulate::read_recording(log.file, *loaded.config, scenario);
  REQUIRE(recording.problem == "");
  CHECK(recording.traffic->next()->at == base::Millis{0});
  CHECK(recording.traffic->next()->at == base::Millis{656});  // 07.073 - 06.417
  CHECK(recording.length == base::Millis{677});
}

TEST_CASE("a recorded log: says which listeners it knows and the configuration does not") {
  std::string text = line("01.000", R"("status":200)") + line("01.500", R"("status":200)");
  text.replace(text.find("\"in\""), 4, "\"out\"");
  const RecordedLog log(text);
  const config::Loaded loaded = config::load_text("test.yaml", config_of(""), filters::specs());
  simulate::Scenario scenario;
  const simulate::Recording recording =
      simulate::read_recording(log.file, *loaded.config, scenario);
  CHECK(recording.requests == 2);
  CHECK(recording.redirected == 1);
  CHECK(recording.unknown_listeners == std::set<std::string>{"out"});
}

// What a hundred requests in two seconds came to that all had the same end, with `retry: {}`.
struct Replayed {
  explicit Replayed(const std::string& end) {
    std::string text;
    for (int i = 0; i < 100; ++i) {
      const std::string millis = std::to_string(1'000 + 20 * i);
      text += line("0" + millis.substr(0, 1) + '.' + millis.substr(1), end);
    }
    const RecordedLog log(text);
    const config::Loaded loaded = config::load_text(
        "test.yaml",
        config_of("    filters: [retry: { budget: { ratio: 100%, min: 1000/s } }]\n"),
        filters::specs());
    simulate::Scenario scenario;
    simulate::Recording recording =
        simulate::read_recording(log.file, *loaded.config, scenario);
    REQUIRE(recording.problem == "");
    scenario.length = base::Millis{2'000};
    server::Planned planned = server::make_plan(simulate::made_virtual(*loaded.config, scenario));
    simulate::World world(std::move(planned.plan), scenario, std::move(recording.traffic));
    world.run();
    const simulate::Way& way = world.tally().ways().begin()->second;
    failures = way.failures;
    succeeded = way.counts.succeeded;
    retries = way.counts.retries;
  }
  std::map<std::string, std::uint64_t> failures;
  std::uint64_t succeeded = 0, retries = 0;
};

TEST_CASE("a recorded log: failures are what they were, so that policies see what they would have") {
  using Failures = std::map<std::string, std::uint64_t>;
  const Replayed plain(R"("status":500,"ms":{"total":5.000})");
  CHECK(plain.failures == Failures{{"status 500", 100}});
  CHECK(plain.retries == 0);
  const Replayed gateway(R"("status":502,"ms":{"total":5.000})");
  // Those of the last second are asked again when the record is over, and nothing fails any more.
  CHECK(gateway.failures.size() == 1);
  CHECK(gateway.failures.at("status 502") > 45);
  CHECK(gateway.retries > 0);
  const Replayed missing(R"("status":404,"ms":{"total":5.000})");
  CHECK(missing.succeeded == 100);
  CHECK(missing.retries == 0);
  for (const std::string reason : {"connect_failure", "connect_timeout", "dns_failure", "reset"}) {
    const Replayed lost(R"("status":502,"ms":{"total":5.000},"reason":")" + reason + '"');
    CHECK(lost.failures.size() == 1);
    CHECK(lost.failures.count(reason) == 1);
    CHECK(lost.retries > 0);
  }
}

TEST_CASE("a recorded log: says where it is none") {
  const config::Loaded loaded = config::load_text("test.yaml", config_of(""), filters::specs());
  simulate::Scenario scenario;
  const RecordedLog text("{\"ts\":1}\nTS in in.1 \"GET a /\" 200\n");
  CHECK(simulate::read_recording(text.file, *loaded.config, scenario)
            .problem.find(text.file + ":2: this is no JSON object") == 0);
  CHECK(simulate::read_recording("/nowhere.log", *loaded.config, scenario).problem ==
        "/nowhere.log: cannot read it: No such file or directory");
}

}  // namespace
