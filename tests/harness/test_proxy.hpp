// The whole proxy in this process, as a configuration describes it, in threads of its own. Bind to
// port 0; the addresses are asked for by the listener's name.
//
//   harness::TestProxy proxy(harness::egress_to(origin.url()));
//   auto client = harness::Socket::connect(proxy.address("egress"));
#pragma once

#include "proxy/base/log.hpp"
#include "tests/harness/socket.hpp"

#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace config {
struct Loaded;
}
namespace process {
class Control;
}
namespace server {
struct Plan;
struct Planned;
}  // namespace server

namespace harness {

class TestProxy {
 public:
  // Throws std::runtime_error with all mistakes if the configuration does not hold.
  explicit TestProxy(const std::string& yaml);
  TestProxy(const TestProxy&) = delete;
  TestProxy& operator=(const TestProxy&) = delete;
  ~TestProxy();  // cuts what is left

  base::Address address(std::string_view listener = "egress", std::size_t n = 0) const;
  base::Address admin() const;
  base::Address probes() const;
  // GET on the admin side.
  Answer ask(const std::string& path) const;
  // POST /reload there, after the configuration has become this: 200 once it is in force.
  Answer reload(const std::string& yaml);
  void begin_drain();
  void wait_until_ended();  // after begin_drain()

 private:
  void run(std::unique_ptr<server::Plan> plan);

  base::Log log_;
  std::mutex mutex_;
  std::string yaml_;                     // as a reload finds it
  process::Control* control_ = nullptr;  // lives in the thread
  std::promise<std::string> started_;    // what went wrong, or ""
  std::promise<void> ended_;
  std::promise<void> may_go_;
  std::thread thread_;
};

// What a process makes of a configuration; none, and why, if it does not hold.
server::Planned planned_of(const config::Loaded& loaded, const server::Plan* running);

// A listener `egress` on port 0, with an admin side and without an access log, all of whose
// requests go to the cluster `app` at that url. `more` is added as it is (top-level keys).
std::string egress_to(const std::string& url, const std::string& more = "");

// One request and its answer on a connection of its own.
Answer get(const base::Address& proxy, const std::string& path,
           const std::string& host = "app.test");

// Connects until nobody listens there any more.
void wait_until_refused(const base::Address& address);

// The admin side is asked until its answer has the text, for ten seconds at most.
bool comes_to_say(const TestProxy& proxy, const std::string& path, std::string_view text);

}  // namespace harness
