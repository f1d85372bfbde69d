// The end of a chain against an upstream inside the test's own thread, and client bodies that the
// test feeds.
#pragma once

#include "proxy/upstream/clusters.hpp"
#include "tests/unit/upstream/peer.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace upstream_test {

using base::Bytes;
using http::Body;
using http::Reply;
using http::Request;

inline constexpr std::string_view ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";

// A client's body that the test feeds.
struct Fed {
  explicit Fed(base::Loop& loop) : changed(loop) {}
  void feed(std::string_view text) {
    pieces.emplace_back(Bytes::copy_of(text));
    changed.set();
  }
  void end() {
    pieces.emplace_back(Bytes());
    changed.set();
  }
  void fail(base::Error error) {
    pieces.emplace_back(error);
    changed.set();
  }
  Body body() { return Body(new Source(*this)); }

  std::deque<base::Result<Bytes>> pieces;
  base::Event changed;
  int reads = 0;
  bool is_dropped = false;

 private:
  struct Source final : http::OwnedSource {
    explicit Source(Fed& of) : fed(of) {}
    ~Source() override { fed.is_dropped = true; }
    base::Task<base::Result<Bytes>> read() override {
      ++fed.reads;
      while (fed.pieces.empty()) co_await fed.changed.wait();
      base::Result<Bytes> piece = std::move(fed.pieces.front());
      fed.pieces.pop_front();
      co_return piece;
    }
    Fed& fed;
  };
};

struct Interims final : http::Interim {
  void send_interim(int status, const http::Headers&) noexcept override { seen.push_back(status); }
  std::vector<int> seen;
};

// One exchange through the end of the chain, as the exchange of a listener would do it.
struct Going {
  Going(base::Loop& loop, base::TaskGroup& group, http::Handler& handler, Body body = {})
      : tasks(group),
        to(handler),
        info(loop, connection),
        request(head(), std::move(body), interims, scope, info) {}
  static http::RequestHead head() {
    http::RequestHead made;
    made.scheme = "http";
    made.authority = "client.example";
    made.path = "/x";
    return made;
  }
  void start() { child = tasks.spawn(run(*this)); }
  static base::Task<> run(Going& self) {
    Reply reply = co_await self.to.handle(self.request);
    self.reply.emplace(std::move(reply));
    if (!*self.reply) co_return;
    for (;;) {
      const base::Result<Bytes> piece = co_await (*self.reply)->body.read();
      if (!piece) self.cut = piece.error();
      if (!piece || piece->empty()) break;
      self.text += piece->view();
    }
    (*self.reply)->body = Body();
    self.is_over = true;
  }

  base::TaskGroup& tasks;
  http::Handler& to;
  http::ConnectionInfo connection;
  http::StreamInfo info;
  http::Scope scope{base::Time{}};
  Interims interims;
  Request request;
  std::optional<Reply> reply;
  std::optional<base::Error> cut;
  std::string text;
  bool is_over = false;
  base::Child child;
};

struct ForwardTest {
  ForwardTest() {
    config.clusters.resize(1);
    config.clusters[0].name = "app";
    set_peer(peer.address);
  }
  ~ForwardTest() { tasks.cancel_all(); }
  void set_peer(const base::Address& address) {
    config::Endpoint endpoint;
    endpoint.host = address.ip();
    endpoint.port = address.port();
    config.clusters[0].endpoints = {endpoint};
  }
  Going& go(Body body = {}, http::Method method = http::Method::get) {
    if (!clusters) clusters.emplace(pools, config, upstream::TlsContexts());
    Going& one = going.emplace_back(loop, tasks, clusters->forward_to("app"), std::move(body));
    one.request.method = method;
    return one;
  }
  Going& started(Body body = {}, http::Method method = http::Method::get) {
    Going& one = go(std::move(body), method);
    one.start();
    return one;
  }
  bool comes_to_end(Going& one) {
    return turn_until(loop, [&] { return one.is_over || (one.reply && !one.reply->ok()); });
  }
  upstream::PoolSnapshot pool() { return clusters->at("app").snapshot().endpoints[0].pool; }

  base::EventLoop loop;
  Peer peer{loop};
  config::Config config;
  base::Log log{STDERR_FILENO, base::Level::error, false};
  net::HandshakeTurns turns{loop};
  upstream::Pools pools{loop, upstream::net_dialers(loop, turns, log)};
  std::optional<upstream::Clusters> clusters;
  std::deque<Fed> feds;  // outlive the requests that read them
  base::TaskGroup tasks{loop};
  std::deque<Going> going;
};

}  // namespace upstream_test
