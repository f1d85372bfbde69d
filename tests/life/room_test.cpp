// Where limits.connections is reached: who goes, so that others can come.
#include "proxy/base/time.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/program.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

using harness::Origin;
using harness::Outrider;
using harness::Socket;

namespace {

namespace fs = std::filesystem;

template <typename Is> bool comes_to_be(Is is_so) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(30);
  while (!is_so())
    if (base::Clock::now() > limit) return false;
  return true;
}

// Each of its threads.
void await_stopped(pid_t process) {
  const auto is_stopped = [](const fs::path& task) {
    std::ifstream in(task / "stat");
    std::string stat;
    std::getline(in, stat);
    return stat.find(") T ") != stat.npos;
  };
  const fs::path tasks = "/proc/" + std::to_string(process) + "/task";
  REQUIRE(comes_to_be([&] {
    return std::all_of(fs::directory_iterator(tasks), fs::directory_iterator(), is_stopped);
  }));
}

}  // namespace

// While it is stopped the one who waits for room comes before the request.
TEST_CASE("room: who goes for others has no request that is unread as yet") {
  Origin origin(Origin::answering("x"));
  Outrider outrider("version: 1\nworkers: 1\naccess_log: { format: none }\n"
                    "limits: { connections: 1 }\n"
                    "listeners: { egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] } }\n"
                    "clusters: { app: { url: \"" +
                    origin.url() + "\" } }\n");
  const std::string request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
  Socket kept = Socket::connect(outrider.address());
  const base::Time is_new_until = base::Clock::now() + std::chrono::milliseconds(1'500);
  do {
    kept.send(request);
    REQUIRE(kept.read_answer().status == 200);
  } while (base::Clock::now() < is_new_until);
  for (int i = 0; i < 5; ++i) {
    outrider->signal(SIGSTOP);
    await_stopped(outrider->id());
    const Socket other = Socket::connect(outrider.address());
    kept.send(request);
    outrider->signal(SIGCONT);
    REQUIRE(kept.read_answer().status == 200);
  }
}
