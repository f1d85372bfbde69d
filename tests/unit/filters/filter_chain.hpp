// A chain of real filters on a loop that the test drives, before an upstream that answers as it is
// told.
#pragma once

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/http/grpc.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <deque>

namespace filters_test {

using base::Millis;
using base::Reason;
using base::Task;
using http::Reply;
using http::Request;

struct NotedInterim final : http::Interim {
  void send_interim(int status, const http::Headers& headers) noexcept override {
    heads.emplace_back(status, headers);
  }
  std::vector<std::pair<int, http::Headers>> heads;
};

// Answers as it was told to, one answer after the other; the last is repeated.
struct Upstream final : http::Handler {
  explicit Upstream(base::Loop& on) : loop(on) {}

  Task<Reply> handle(Request& request) override {
    ++calls;
    request.attempt.number = ++request.info.attempts;
    request.attempt.endpoint = "endpoint " + std::to_string(calls);
    request.scope.hold(std::make_unique<Noting>(outcomes));
    seen = request.headers;
    for (;;) {
      auto piece = co_await request.body.read();
      if (!piece || piece->empty()) break;
      body.append(piece->view());
      if (answers.front().body == Payload::rest) break;
    }
    body += '|';
    if (delay > Millis{0}) co_await base::sleep_until(loop, loop.now() + delay);
    const auto next = answers.front();
    if (answers.size() > 1) answers.pop_front();
    if (next.reason != Reason::none) {
      base::Error error{next.reason, base::Fault::upstream, "as told"};
      error.unsent = next.is_unsent;
      co_return error;
    }
    http::Response response;
    response.status = next.status;
    response.reason = next.said;
    response.is_unsent = next.is_unsent;
    for (const auto& [name, value] : next.headers) response.headers.add(name, value);
    if (next.body == Payload::whole)
      response.body = http::Body::of(base::Bytes::copy_of("answer " + std::to_string(calls)));
    if (next.body == Payload::cut) response.body = http::Body(new Cut);
    if (next.body == Payload::stalled) response.body = http::Body(new Stalled(loop));
    if (next.body == Payload::paced) response.body = http::Body(new Paced(loop, next.pieces));
    if (next.body == Payload::rest) response.body = std::move(request.body);
    if (next.body == Payload::trailers) {
      http::Headers trailers;
      trailers.add("grpc-status", "14");
      response.body = http::Body::of(base::Bytes(), std::move(trailers));
      response.trailing_grpc_status = 14;
    }
    co_return response;
  }

  // rest: of the request's body, of which it has read a piece when it answers.
  enum class Payload { whole, none, cut, stalled, paced, trailers, rest };
  struct Cut final : http::OwnedSource {
    Task<base::Result<base::Bytes>> read() override {
      const base::Error error{Reason::response_aborted, base::Fault::upstream, "as told"};
      return base::Result<base::Bytes>(error);
    }
  };
  struct Stalled final : http::OwnedSource {
    explicit Stalled(base::Loop& on) : never_set(on) {}
    Task<base::Result<base::Bytes>> read() override {
      co_await never_set.wait();
      co_return base::Bytes();
    }
    base::Event never_set;
  };
  struct Paced final : http::OwnedSource {
    using Pieces = std::deque<std::pair<Millis, std::string>>;
    Paced(base::Loop& on, Pieces to_come) : loop(on), pieces(std::move(to_come)) {}
    Task<base::Result<base::Bytes>> read() override {
      if (pieces.empty()) co_return base::Bytes();
      const auto next = std::move(pieces.front());
      pieces.pop_front();
      co_await base::sleep_until(loop, loop.now() + next.first);
      co_return base::Bytes::copy_of(next.second);
    }
    base::Loop& loop;
    Pieces pieces;
  };
  // Of each attempt, as those learn of it who hold something for so long.
  struct Noting final : http::Guard {
    explicit Noting(std::vector<Reason>& to) : outcomes(to) {}
    void ended(const http::Outcome& outcome) noexcept override {
      outcomes.push_back(outcome.reason);
    }
    std::vector<Reason>& outcomes;
  };

  struct Answer {
    int status = 200;
    Reason reason = Reason::none;
    bool is_unsent = false;
    std::vector<std::pair<std::string, std::string>> headers{};
    Payload body = Payload::whole;
    Reason said = Reason::none;  // by the proxy behind
    Paced::Pieces pieces{};      // each after a while
  };
  base::Loop& loop;
  std::deque<Answer> answers{Answer{}};
  Millis delay{0};
  int calls = 0;
  std::string body;
  std::vector<Reason> outcomes;
  http::Headers seen;
};

// A client's body: it comes after a while, and the exchange knows of its end.
class Sent final : public http::OwnedSource {
 public:
  Sent(base::Bytes bytes, Millis delay, http::StreamInfo& info)
      : bytes_(std::move(bytes)), size_(bytes_.size()), delay_(delay), info_(info) {}

  Task<base::Result<base::Bytes>> read() override {
    if (delay_ > Millis{0}) co_await base::sleep_until(info_.loop, info_.now() + delay_);
    delay_ = Millis{0};
    base::Bytes piece = std::exchange(bytes_, base::Bytes());
    if (piece.empty()) info_.client_body.end(info_.now());
    co_return piece;
  }
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  base::Bytes bytes_;
  std::uint64_t size_;
  Millis delay_;
  http::StreamInfo& info_;
};

// A chain of real filters, as a file would list them, on a loop that the test drives.
struct Chain {
  explicit Chain(const std::string& list) {
    const std::string text =
        "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\n"
        "clusters:\n  c: { url: http://a, filters: " +
        list + " }\n";
    loaded = config::load_text("test.yaml", text, filters::specs());
    REQUIRE_MESSAGE(loaded.config, loaded.mistakes[0].to_string());
    std::vector<std::unique_ptr<http::Filter>> made;
    for (const config::FilterConfig& filter : loaded.config->clusters[0].filters)
      made.push_back(
          filters::make(filter, {"cluster c", filter.ordinal, loop, shared, metrics, 0, log}));
    chain = std::make_unique<http::Chain>(std::move(made), upstream);
  }

  // Runs a request to its end, or for ten minutes of the loop's time.
  void send(http::Method method = http::Method::get, const std::string& payload = "",
            const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    status = 0;
    reason = Reason::none;
    received.clear();
    interim.heads.clear();
    http::RequestHead head;
    head.method = method;
    head.authority = "a.test";
    head.path = path;
    for (const auto& [name, value] : headers) head.headers.add(name, value);
    http::StreamInfo info(loop, connection);
    info.cluster = "c";
    info.is_outbound = is_outbound;
    info.is_grpc = http::is_grpc(head.headers);
    http::Scope scope(loop.now());
    http::Body body;
    if (payload.empty())
      info.client_body.end(info.started);
    else
      body = http::Body(new Sent(base::Bytes::copy_of(payload), payload_delay, info));
    Request request(std::move(head), std::move(body), interim, scope, info);
    const base::Time began = loop.now();
    base::TaskGroup running(loop);
    running.spawn(run(request)).release();
    loop.settle();
    while (!running.empty() && loop.now() - began < std::chrono::minutes{10})
      loop.advance(Millis{10});
    took = std::chrono::duration_cast<Millis>(loop.now() - began);
    attempts = info.attempts;
    retry_denied = info.retry_denied;
    attempt = std::move(info.attempt);
  }

  std::string log_text() const {
    std::string text;
    std::rewind(logged.get());
    for (int c = std::getc(logged.get()); c != EOF; c = std::getc(logged.get()))
      text += static_cast<char>(c);
    return text;
  }

  Task<> run(Request& request) {
    Reply reply = co_await chain->handle(request);
    if (!reply) {
      reason = reply.error().reason;
      co_return;
    }
    status = reply->status;
    has_body = !reply->body.is_empty();
    answer_headers = reply->headers;
    for (;;) {
      auto piece = co_await reply->body.read();
      if (!piece) reason = piece.error().reason;
      if (!piece || piece->empty()) break;
      received.append(piece->view());
      request.info.last_byte = request.info.now();
    }
    trailers = reply->body.trailers();
  }

  base::Loop loop;
  base::TaskGroup tasks{loop};
  filters::SharedState shared;
  stats::Registry metrics{1};
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> logged{std::tmpfile(), std::fclose};
  base::Log log{::fileno(logged.get()), base::Level::info, false};
  http::ConnectionInfo connection;
  NotedInterim interim;
  Upstream upstream{loop};
  config::Loaded loaded;
  std::unique_ptr<http::Chain> chain;

  std::string path = "/x";
  bool is_outbound = false;
  int status = 0;
  Reason reason = Reason::none;
  bool has_body = false;
  std::string received;
  http::Headers answer_headers;
  http::Headers trailers;
  Millis took{0};
  int attempts = 0;
  std::string_view retry_denied;
  http::Attempt attempt;    // what the exchange kept
  Millis payload_delay{0};  // before the client's body comes
};

}  // namespace filters_test
