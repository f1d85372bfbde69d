// Endpoints that exist in the time of a loop alone, behind the seam that Dialer is: a chain of real
// filters, the end of the chain and real pools before them, and no socket.
#pragma once

#include "config/load.hpp"
#include "filters/registry.hpp"
#include "proxy/upstream/clusters.hpp"
#include "tests/unit/upstream/forward_fixture.hpp"

#include <doctest/doctest.h>

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace upstream_test {

class VirtualConnection;

struct VirtualEndpoint {
  enum class State { up, refuses, is_silent, is_untrusted, serves_nobody };

  void stop();       // its process ends
  void turn_away();  // all connections
  void start() { state = State::up; }

  State state = State::up;
  bool is_h2 = false;
  std::uint32_t most_streams = 100;  // on one HTTP/2 connection
  base::Millis answer_time{1};
  int status = 200;
  std::vector<base::Time> connects;    // when each was begun
  std::vector<std::string> preambles;  // of each
  int requests = 0;
  std::vector<VirtualConnection*> connections;
};

class VirtualStream final : public http::ClientStream {
 public:
  explicit VirtualStream(VirtualConnection& connection) : connection_(connection) {}
  ~VirtualStream() override;

  base::Result<void> send_head(const http::RequestHead&, bool) override;
  base::Task<Reply> read_head(http::Interim& interim) override;
  bool has_body() const override { return false; }
  void abort(const base::Error&) noexcept override {}
  base::Task<base::Result<void>> write(Bytes) override { return base::Result<void>(); }
  base::Result<void> finish(const http::Headers&) override { return {}; }
  base::Task<base::Result<Bytes>> read() override { return base::Result<Bytes>(Bytes()); }
  const http::Headers& trailers() const override { return trailers_; }
  std::optional<std::uint64_t> size() const override { return std::nullopt; }

 private:
  VirtualConnection& connection_;
  http::Headers trailers_;
};

class VirtualConnection final : public upstream::PooledConnection {
 public:
  VirtualConnection(base::Loop& loop, VirtualEndpoint& to, bool speaks_h2)
      : PooledConnection(loop, std::chrono::seconds(4)), endpoint(to), is_h2_(speaks_h2) {
    endpoint.connections.push_back(this);
  }
  ~VirtualConnection() override { std::erase(endpoint.connections, this); }

  bool is_h2() const override { return is_h2_; }
  std::uint32_t streams() const override { return open_; }
  std::size_t free_streams() override {
    if (endpoint.state == VirtualEndpoint::State::serves_nobody) return 0;
    const std::uint32_t most = is_h2_ ? endpoint.most_streams : 1;
    return is_lost || is_draining() || is_worn() || open_ >= most ? 0 : most - open_;
  }
  bool may_widen() const override {
    return endpoint.state == VirtualEndpoint::State::serves_nobody && !is_lost;
  }
  void stream_is_over() {
    --open_;
    stream_ended();
    if (open_ > 0) return;
    if (is_lost || is_draining()) return leave();
    rest(longest_idle());
    became_free();
  }
  void lose() {
    is_lost = true;
    lost();
    if (open_ == 0) leave();
  }
  base::Loop& own_loop() const { return loop(); }

  VirtualEndpoint& endpoint;
  bool is_lost = false;

 private:
  std::unique_ptr<http::ClientStream> open_stream() override {
    ++open_;
    return std::make_unique<VirtualStream>(*this);
  }
  void say_goodbye() noexcept override {}

  const bool is_h2_;
  std::uint32_t open_ = 0;
};

inline void VirtualEndpoint::stop() {
  state = State::refuses;
  turn_away();
}

inline void VirtualEndpoint::turn_away() {
  const std::vector<VirtualConnection*> all = connections;
  for (VirtualConnection* each : all) each->lose();
}

inline VirtualStream::~VirtualStream() {
  connection_.stream_is_over();
}

inline base::Result<void> VirtualStream::send_head(const http::RequestHead&, bool) {
  ++connection_.endpoint.requests;
  return {};
}

inline base::Task<Reply> VirtualStream::read_head(http::Interim&) {
  base::Loop& loop = connection_.own_loop();
  co_await base::sleep_until(loop, loop.now() + connection_.endpoint.answer_time);
  if (connection_.is_lost)
    co_return base::Error{base::Reason::reset, base::Fault::upstream, "its process has ended"};
  http::Response response;
  response.status = connection_.endpoint.status;
  co_return response;
}

using VirtualEndpoints = std::map<std::string, VirtualEndpoint>;  // by address

class VirtualDialer final : public upstream::Dialer {
 public:
  VirtualDialer(base::Loop& loop, VirtualEndpoints& endpoints)
      : loop_(loop), endpoints_(endpoints) {}

  base::Task<base::Result<upstream::Dialed>> dial(upstream::Dial wanted) override {
    VirtualEndpoint& endpoint = endpoints_[wanted.address.to_string()];
    endpoint.connects.push_back(loop_.now());
    endpoint.preambles.push_back(wanted.preamble);
    const bool is_silent = endpoint.state == VirtualEndpoint::State::is_silent;
    const base::Time told_at = is_silent ? wanted.until : loop_.now() + base::Millis{1};
    co_await base::sleep_until(loop_, told_at);
    base::Error error{base::Reason::connect_failure, base::Fault::upstream, "nobody is there"};
    error.unsent = true;
    if (is_silent) {
      error.reason = base::Reason::connect_timeout;
      co_return error;
    }
    if (endpoint.state == VirtualEndpoint::State::refuses) co_return error;
    if (endpoint.state == VirtualEndpoint::State::is_untrusted) {
      error.reason = base::Reason::tls_failure;
      error.lasting = true;
      co_return error;
    }
    const bool speaks_h2 = wanted.protocol == config::HttpVersion::automatic
                               ? endpoint.is_h2
                               : wanted.protocol == config::HttpVersion::h2;
    upstream::Dialed made;
    made.connection = std::make_unique<VirtualConnection>(loop_, endpoint, speaks_h2);
    co_return made;
  }
  base::Result<std::unique_ptr<net::ConnectedDatagrams>> datagrams(const base::Address&) override {
    return base::Error{base::Reason::connect_failure, base::Fault::upstream, "no datagrams here"};
  }
  void renew(const config::Cluster&, const config::Limits&,
             std::shared_ptr<const certs::TlsContext>) override {}
  void renew_tls(std::shared_ptr<const certs::TlsContext>) override {}

 private:
  base::Loop& loop_;
  VirtualEndpoints& endpoints_;
};

// A cluster as a file would describe it, on a loop that the test drives.
struct VirtualWorld {
  // cluster: its fields, as a map of one line.
  explicit VirtualWorld(const std::string& cluster) {
    const std::string text =
        "version: 1\nlisteners:\n  in: { bind: 127.0.0.1:0, routes: [{ to: c }] }\nclusters:\n  "
        "c: " +
        cluster + "\n";
    loaded = config::load_text("test.yaml", text, filters::specs());
    REQUIRE_MESSAGE(loaded.config, loaded.mistakes[0].to_string());
    clusters.emplace(pools, *loaded.config, upstream::TlsContexts());
    std::vector<std::unique_ptr<http::Filter>> made;
    for (const config::FilterConfig& filter : loaded.config->clusters[0].filters)
      made.push_back(
          filters::make(filter, {"cluster c", filter.ordinal, loop, shared, metrics, 0, log}));
    chain = std::make_unique<http::Chain>(std::move(made), clusters->forward_to("c"));
  }
  ~VirtualWorld() { tasks.cancel_all(); }

  Going& send(http::Method method = http::Method::get) {
    const bool has_body = method == http::Method::post;
    Body body = has_body ? Body::of(Bytes::copy_of("order")) : Body();
    Going& one = going.emplace_back(loop, tasks, *chain, std::move(body));
    one.request.method = method;
    one.start();
    loop.settle();
    return one;
  }
  // GETs and POSTs, twenty a second.
  void send_for(base::Duration time) {
    for (const base::Time end = loop.now() + time; loop.now() < end; loop.advance(base::Millis{50}))
      send(going.size() % 2 ? http::Method::post : http::Method::get);
  }
  int errors_since(std::size_t first) const {
    int count = 0;
    for (std::size_t i = first; i < going.size(); ++i)
      count += going[i].reply && going[i].reply->ok() && (*going[i].reply)->status == 200 ? 0 : 1;
    return count;
  }
  VirtualEndpoint& at(const std::string& address) { return endpoints[address]; }
  upstream::ClusterSnapshot seen() { return clusters->at("c").snapshot(); }

  VirtualEndpoints endpoints;  // outlive the loop, which destroys connections to them
  base::Loop loop{base::Time{} + std::chrono::hours{1}};
  filters::SharedState shared;
  stats::Registry metrics{1};
  base::Log log{STDERR_FILENO, base::Level::error, false};
  config::Loaded loaded;
  upstream::Pools pools{loop, [this] { return std::make_unique<VirtualDialer>(loop, endpoints); }};
  std::optional<upstream::Clusters> clusters;
  std::unique_ptr<http::Chain> chain;
  base::TaskGroup tasks{loop};
  std::deque<Going> going;
};

}  // namespace upstream_test
