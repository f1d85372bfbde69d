// Chains of real filters on several loops that share what workers share, and calls through them
// that run at once, in virtual time. One thread plays all workers in turn.
#pragma once

#include "tests/unit/filters/filter_chain.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace filters_test {

// An upstream that answers each request after a while, at once if there is none, and counts what it
// has at the same time.
struct Busy final : http::Handler {
  explicit Busy(base::Loop& on) : loop(on) {}

  struct Counted {
    explicit Counted(Busy& by) : busy(by) { ++busy.present; }
    ~Counted() { --busy.present; }
    Busy& busy;
  };
  Task<Reply> handle(Request& request) override {
    const Counted counted(*this);
    ++calls;
    order.emplace_back(request.path);
    const base::Time ends = loop.now() + time(request);
    if (ends > loop.now()) co_await base::sleep_until(loop, ends);
    if (answer) co_return answer(request);
    http::Response response;
    response.status = 200;
    response.body = http::Body::of(base::Bytes::copy_of("answer"));
    co_return response;
  }

  base::Loop& loop;
  std::function<Millis(const Request&)> time = [](const Request&) { return Millis{0}; };
  std::function<Reply(Request&)> answer = nullptr;
  int calls = 0;
  int present = 0;
  std::vector<std::string> order;
};

// There is one other cluster, without filters.
struct Worker final : filters::Surroundings {
  Worker(const config::Filters& list, const std::string& place, filters::SharedState& shared,
         stats::Registry& metrics, base::Log& log, std::size_t number, std::size_t workers) {
    std::vector<std::unique_ptr<http::Filter>> made;
    for (const config::FilterConfig& filter : list)
      made.push_back(filters::make(filter, {place, filter.ordinal, loop, shared, metrics, number,
                                            log, filter.fields, workers, this}));
    chain = std::make_unique<http::Chain>(std::move(made), upstream);
  }
  http::Handler& chain_of(std::string_view) override { return other; }
  std::uint32_t memory_in_use() const override { return memory; }

  base::Loop loop{base::Time{} + std::chrono::hours{24}, 7};
  Busy upstream{loop};
  Busy other{loop};
  std::uint32_t memory = 0;
  std::unique_ptr<http::Chain> chain;
};

// One exchange. Destroyed before its end, its client has left.
class Call {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  Call(Worker& on, const std::string& path = "/", const Fields& fields = {},
       const std::string& source = "192.0.2.1", http::Method method = http::Method::get)
      : worker_(on), running_(on.loop) {
    connection_.remote = *base::Address::parse_ip(source, 1);
    http::RequestHead head;
    head.method = method;
    head.authority = "a.test";
    head.path = path;
    for (const auto& [name, value] : fields) head.headers.add(name, value);
    info_ = std::make_unique<http::StreamInfo>(on.loop, connection_);
    info_->listener = "in";
    info_->route = "r";
    info_->cluster = "c";
    info_->client_body.end(info_->started);
    scope_ = std::make_unique<http::Scope>(on.loop.now());
    request_ = std::make_unique<Request>(std::move(head), http::Body(), interim_, *scope_, *info_);
  }
  ~Call() {
    running_.cancel_all();
    reply.reset();
    scope_->end();
  }

  Call& begin() {
    running_.spawn(run()).release();
    worker_.loop.settle();
    return *this;
  }
  bool has_ended() const { return reply.has_value(); }
  bool is_admitted() const { return reply && reply->ok(); }
  Reason reason() const { return !reply || reply->ok() ? Reason::none : reply->error().reason; }
  const base::Error& error() const { return reply->error(); }
  std::string field(std::string_view name) const {
    return std::string((*reply)->headers.find(name).value_or("(none)"));
  }
  // Reads the answer's body, and ends as an exchange does.
  std::string body() {
    std::string text;
    running_.spawn(read(text)).release();
    worker_.loop.settle();
    (*reply)->body = http::Body();
    scope_->end();
    return text;
  }
  http::StreamInfo& info() { return *info_; }
  http::Scope& scope() { return *scope_; }
  Request& request() { return *request_; }

  std::optional<Reply> reply;
  base::Time ended{};

 private:
  Task<> run() {
    Reply got = co_await worker_.chain->handle(*request_);
    if (!got) scope_->outcome.reason = got.error().reason;
    ended = worker_.loop.now();
    reply.emplace(std::move(got));
    if (!reply->ok()) scope_->end();
  }
  Task<> read(std::string& into) {
    for (;;) {
      auto piece = co_await (*reply)->body.read();
      if (!piece || piece->empty()) break;
      into.append(piece->view());
    }
  }

  Worker& worker_;
  http::ConnectionInfo connection_;
  NotedInterim interim_;
  std::unique_ptr<http::StreamInfo> info_;
  std::unique_ptr<http::Scope> scope_;
  std::unique_ptr<Request> request_;
  base::TaskGroup running_;
};

// So many workers of one process, each with these filters, as a file lists them.
struct Process {
  explicit Process(const std::string& list, std::size_t workers = 1) {
    const std::string text =
        "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\n"
        "clusters:\n  other: { url: http://b }\n"
        "  c: { url: http://a, filters: " +
        list + " }\n";
    loaded = config::load_text("test.yaml", text, filters::specs());
    REQUIRE_MESSAGE(loaded.config, loaded.mistakes[0].to_string());
    for (std::size_t i = 0; i < workers; ++i) add_worker(i, workers);
  }
  void add_worker(std::size_t number, std::size_t workers) {
    all.push_back(std::make_unique<Worker>(loaded.config->clusters[1].filters, "cluster c", shared,
                                           metrics, log, number, workers));
  }
  Worker& operator[](std::size_t number) { return *all[number]; }
  base::Time now() const { return all[0]->loop.now(); }
  // Time passes for all of them, a millisecond at a time.
  void advance(Millis by) {
    for (Millis passed{0}; passed < by; passed += Millis{1}) {
      for (const auto& worker : all) worker->loop.advance(Millis{1});
      settle();
    }
  }
  // What they post to each other has arrived.
  void settle() {
    for (std::size_t round = 0; round < 2; ++round)
      for (const auto& worker : all) worker->loop.settle();
  }

  filters::SharedState shared;
  stats::Registry metrics{3};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> logged{std::tmpfile(), std::fclose};
  base::Log log{::fileno(logged.get()), base::Level::info, false};
  config::Loaded loaded;
  std::vector<std::unique_ptr<Worker>> all;
};

}  // namespace filters_test
