#include "proxy/simulate/recording.hpp"
#include "tests/sim/simulated.hpp"

#include <cstdio>
#include <fstream>
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
  CHECK(scenario.happenings[0].share == 5'000);  // of the two that began in that second
}

TEST_CASE("a recorded log: a line as the proxy writes it") {
  const RecordedLog log(
      R"({"ts":"2026-11-30T17:52:06.417Z","listener":"in","direction":"outbound","route":"in.1","method":"GET","host":"127.0.0.1:18778","path":"/x","protocol":"http1","status":200,"bytes_in":0,"bytes_out":0,"ms":{"total":612.779,"queue":0.000,"connect":0.523,"first_byte":612.779},"attempts":1,"cluster":"app","endpoint":"127.0.0.1:18777","reused":false,"request_id":"01a22d95-e176-7e41-8d08-e32aa8538374","source":"127.0.0.1"})"
      "\n"
      R"({"ts":"2026-11-30T17:52:07.073Z","listener":"in","direction":"outbound","route":"in.1","method":"GET","host":"127.0.0.1:18778","path":"/bad","protocol":"http1","status":200,"bytes_in":0,"bytes_out":0,"ms":{"total":20.500,"queue":0.000,"first_byte":20.500},"attempts":1,"cluster":"app","endpoint":"127.0.0.1:18777","reused":true,"request_id":"01a22d95-e401-7060-9083-25ac0a5121e4","source":"127.0.0.1"})"
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

TEST_CASE("a recorded log: says where it is none") {
  const config::Loaded loaded = config::load_text("test.yaml", config_of(""), filters::specs());
  simulate::Scenario scenario;
  const RecordedLog text("{\"ts\":1}\nTS in in.1 \"GET a /\" 200\n");
  CHECK(simulate::read_recording(text.file, *loaded.config, scenario)
            .problem.find(text.file + ":2: this is no JSON object") == 0);
  CHECK(simulate::read_recording("/nowhere.log", *loaded.config, scenario).problem ==
        "/nowhere.log: cannot read it");
}

}  // namespace
