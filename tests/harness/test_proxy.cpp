#include "tests/harness/test_proxy.hpp"

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/base/time.hpp"
#include "proxy/server/plan.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <unistd.h>

namespace harness {
namespace {

std::unique_ptr<server::Plan> plan_of(const std::string& yaml) {
  const config::Loaded loaded = config::load_text("test.yaml", yaml, filters::specs());
  std::string problems;
  for (const config::Mistake& mistake : loaded.mistakes) problems += mistake.to_string() + "\n";
  if (!loaded.config) throw std::runtime_error(problems);
  server::Planned planned = server::make_plan(loaded.config);
  for (const std::string& problem : planned.problems) problems += problem + "\n";
  if (!planned.plan) throw std::runtime_error(problems);
  return std::move(planned.plan);
}

}  // namespace

// Control is made, used and destroyed by one thread, as by main.
TestProxy::TestProxy(const std::string& yaml) : log_(STDERR_FILENO, base::Level::error, false) {
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this, plan = plan_of(yaml)]() mutable { run(std::move(plan)); });
  const std::string problem = started_.get_future().get();
  if (problem.empty()) return;
  may_go_.set_value();
  thread_.join();
  throw std::runtime_error(problem);
}

void TestProxy::run(std::unique_ptr<server::Plan> plan) {
  process::Control control(std::move(plan), log_);
  control_ = &control;
  const std::string problem = control.start();
  started_.set_value(problem);
  if (problem.empty()) control.run();
  ended_.set_value();
  may_go_.get_future().wait();
}

TestProxy::~TestProxy() {
  control_->stop();
  may_go_.set_value();
  thread_.join();
}

void TestProxy::wait_until_ended() {
  ended_.get_future().wait();
}

Answer TestProxy::ask(const std::string& path) const {
  return get(admin(), path, "localhost");
}

bool comes_to_say(const TestProxy& proxy, const std::string& path, std::string_view text) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  do {
    if (proxy.ask(path).body.find(text) != std::string::npos) return true;
  } while (base::Clock::now() < limit);
  return false;
}

std::string egress_to(const std::string& url, const std::string& more) {
  return "version: 1\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes:\n"
         "      - to: app\n"
         "clusters:\n"
         "  app: { url: \"" +
         url + "\" }\n" + more;
}

Answer get(const base::Address& proxy, const std::string& path, const std::string& host) {
  Socket client = Socket::connect(proxy);
  client.send("GET " + path + " HTTP/1.1\r\nhost: " + host + "\r\n\r\n");
  return client.read_answer();
}

}  // namespace harness
