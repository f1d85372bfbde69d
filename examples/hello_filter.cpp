// A filter from its options to its test; README.md, "Write a filter", tells the rest. It says hello
// to the service in a request field, and tells the client in a response field how long the service
// took.
#include "filters/registry.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/scope.hpp"

#include <cstdio>

namespace {

using base::Task;
using http::Next;
using http::Reply;
using http::Request;

struct Options {
  std::string greeting = "hello";
};

// The rows make the parser, its messages and the reference.
const config::Table<Options>& table() {
  static const config::Table<Options> rows = {
      config::text<Options>("greeting", &Options::greeting, "hello", "what the service is told"),
  };
  return rows;
}

class Hello final : public http::Filter {
 public:
  Hello(const Options& options, base::Loop& loop) : options_(options), loop_(loop) {}

  Task<Reply> handle(Request& request, Next next) override {
    request.headers.set("x-hello", options_.greeting);
    const base::Time asked = loop_.now();

    Reply reply = co_await next(request);  // the rest of the chain: other filters, then the service
    if (!reply) co_return reply;           // there is no response, and reply.error() says why

    const auto took = std::chrono::duration_cast<base::Millis>(loop_.now() - asked);
    reply->headers.set("x-took", std::to_string(took.count()) + "ms");
    co_return reply;
  }

 private:
  const Options& options_;  // of the configuration, which outlives its filters
  base::Loop& loop_;
};

constexpr config::FilterSpec spec = config::spec_of<table>("hello", "says hello to the service");

const filters::Entry hello = {
    &spec, [](const config::FilterConfig& config, const filters::FilterContext& context) {
      return std::unique_ptr<http::Filter>(
          std::make_unique<Hello>(config.as<Options>(), context.loop));
    }};

// --- and its test: no sockets, and a clock that it turns itself ---

// The service: sleeps 30 ms, answers 200.
struct Service final : http::Handler {
  explicit Service(base::Loop& on) : loop(on) {}
  Task<Reply> handle(Request& request) override {
    greeting = request.headers.find("x-hello").value_or("");
    const base::Time ready = loop.now() + base::Millis{30};
    co_await base::sleep_until(loop, ready);
    http::Response response;
    response.status = 200;
    co_return response;
  }
  base::Loop& loop;
  std::string greeting;
};

Task<> ask(http::Chain& chain, Request& request, std::string& took) {
  Reply reply = co_await chain.handle(request);
  if (reply) took = reply->headers.find("x-took").value_or("");
}

}  // namespace

int main() {
  base::Loop loop;
  base::TaskGroup tasks(loop);
  filters::SharedState shared;
  stats::Registry metrics(1);
  base::Log log(-1, base::Level::error, false);
  config::FilterConfig config;
  config.spec = &spec;
  config.options = std::make_shared<Options>(Options{"good day"});

  Service service(loop);
  std::vector<std::unique_ptr<http::Filter>> list;
  list.push_back(hello.make(config, {"cluster c", 0, loop, shared, metrics, 0, log}));
  http::Chain chain(std::move(list), service);

  http::NoInterim interim;
  http::ConnectionInfo connection;
  http::StreamInfo info(loop, connection);
  http::Scope scope(loop.now());
  Request request({}, http::Body(), interim, scope, info);
  std::string took;
  tasks.spawn(ask(chain, request, took)).release();
  loop.settle();
  while (took.empty() && !tasks.empty()) loop.advance(base::Millis{10});

  const bool is_right = service.greeting == "good day" && took.starts_with("3");
  std::printf("the service heard \"%s\", the client was told %s: %s\n", service.greeting.c_str(),
              took.c_str(), is_right ? "as it should be" : "WRONG");
  return is_right ? 0 : 1;
}
