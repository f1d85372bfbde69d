#include "tests/harness/test_proxy.hpp"

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/base/time.hpp"
#include "proxy/process/control.hpp"
#include "proxy/server/plan.hpp"

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

namespace harness {
namespace {

server::Planned planned_of_text(const std::string& yaml, const server::Plan* running) {
  return planned_of(config::load_text("test.yaml", yaml, filters::specs()), running);
}

std::unique_ptr<server::Plan> plan_of(const std::string& yaml) {
  server::Planned planned = planned_of_text(yaml, nullptr);
  std::string problems;
  for (const std::string& problem : planned.problems) problems += problem + "\n";
  if (!planned.plan) throw std::runtime_error(problems);
  return std::move(planned.plan);
}

}  // namespace

server::Planned planned_of(const config::Loaded& loaded, const server::Plan* running) {
  if (loaded.config) return server::make_plan(loaded.config, running);
  server::Planned none;
  for (const config::Mistake& mistake : loaded.mistakes)
    none.problems.push_back(mistake.to_string());
  return none;
}

// Control is made, used and destroyed by one thread, as by main.
TestProxy::TestProxy(const std::string& yaml)
    : log_(STDERR_FILENO, base::Level::error, false), yaml_(yaml) {
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this, plan = plan_of(yaml)]() mutable { run(std::move(plan)); });
  const std::string problem = started_.get_future().get();
  if (problem.empty()) return;
  may_go_.set_value();
  thread_.join();
  throw std::runtime_error(problem);
}

void TestProxy::run(std::unique_ptr<server::Plan> plan) {
  const auto again = [this](const server::Plan& running) {
    const std::lock_guard lock(mutex_);
    return planned_of_text(yaml_, &running);
  };
  process::Control control(std::move(plan), again, log_);
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

base::Address TestProxy::address(std::string_view listener, std::size_t n) const {
  return control_->listener_address(listener, n);
}

base::Address TestProxy::admin() const {
  return control_->admin_address();
}

base::Address TestProxy::probes() const {
  return control_->probes_address();
}

void TestProxy::begin_drain() {
  control_->begin_drain();
}

Answer TestProxy::ask(const std::string& path) const {
  return get(admin(), path, "localhost");
}

Answer TestProxy::reload(const std::string& yaml) {
  {
    const std::lock_guard lock(mutex_);
    yaml_ = yaml;
  }
  Socket client = Socket::connect(admin());
  client.send(
      "POST /reload HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\n"
      "content-length: 0\r\n\r\n");
  return client.read_answer();
}

bool comes_to_say(const TestProxy& proxy, const std::string& path, std::string_view text) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
  do {
    if (proxy.ask(path).body.find(text) != std::string::npos) return true;
  } while (base::Clock::now() < limit);
  return false;
}

void wait_until_refused(const base::Address& address) {
  try {
    for (;;) Socket::connect(address);
  } catch (const std::system_error&) {
    return;
  }
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
