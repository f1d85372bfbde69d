#include "proxy/upstream/health_checks.hpp"

#include "proxy/upstream/grpc_health.hpp"
#include "tests/unit/upstream/peer.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using upstream::HealthCount;

TEST_CASE("health: so many in a row change it, and one between begins anew") {
  const config::Health rules;  // 2 and 3
  const struct {
    bool begins;
    std::string checks;  // + and -
    std::string said;    // what it is after each
  } cases[] = {
      {true, "--+---+++", "+++++--++"},
      {true, "+-+-+-", "++++++"},
      {false, "+-++-", "---++"},
      {true, "----", "++--"},
  };
  for (const auto& one : cases) {
    CAPTURE(one.checks);
    HealthCount count(one.begins);
    std::string said;
    for (const char check : one.checks) {
      const bool before = count.is_healthy();
      const bool has_changed = count.changes(check == '+', rules);
      CHECK(has_changed == (count.is_healthy() != before));
      said += count.is_healthy() ? '+' : '-';
    }
    CHECK(said == one.said);
  }
}

TEST_CASE("grpc health: a request names the service, or none") {
  CHECK(upstream::grpc_health_request("") == std::string(5, '\0'));
  CHECK(upstream::grpc_health_request("shop") == std::string("\0\0\0\0\6\n\4shop", 11));
}

TEST_CASE("grpc health: only a whole answer that says SERVING is well") {
  using namespace std::string_literals;
  CHECK(upstream::is_serving("\0\0\0\0\2\x08\x01"s));
  CHECK(upstream::is_serving("\0\0\0\0\6\x12\2ab\x08\x01"s));  // an unknown field before
  CHECK(upstream::is_serving("\0\0\0\0\4\x08\x02\x08\x01"s));  // the last one counts
  for (const std::string& message : {
           ""s, "\0\0\0\0"s, "\0\0\0\0\0"s,  // none, cut, UNKNOWN
           "\0\0\0\0\2\x08\x02"s,            // NOT_SERVING
           "\0\0\0\0\2\x08\x03"s,            // SERVICE_UNKNOWN
           "\1\0\0\0\2\x08\x01"s,            // compressed
           "\0\0\0\0\3\x08\x01"s,            // shorter than it says
           "\0\0\0\0\1\x08"s,                // a field without a value
           "\0\0\0\0\3\x12\x7f\x08"s,        // longer than the message
           "\0\0\0\0\2\x0b\x01"s,            // a group
       })
    CHECK(!upstream::is_serving(message));
}

struct HealthFixture {
  HealthFixture() {
    cluster.name = "c";
    cluster.health.emplace();
    cluster.health->path = "/healthz";
    cluster.health->interval = base::Millis{20};
    cluster.health->unhealthy_after = 2;
    set->addresses = {{peer.address}};
    state = of_cluster->at(peer.address.to_string(), loop.now());
  }
  void answer(const std::string& text) {
    upstream_test::PeerConnection connection = peer.accept();
    CHECK(connection.read_head().starts_with("GET /healthz HTTP/1.1\r\n"));
    connection.send(text);
    CHECK(connection.is_closed());
  }

  base::EventLoop loop;
  upstream_test::Peer peer{loop};
  upstream::ClusterStates states;
  std::shared_ptr<upstream::ClusterState> of_cluster = states.of("c");
  stats::Registry metrics{1};
  config::Cluster cluster;
  std::shared_ptr<upstream::EndpointSet> set = std::make_shared<upstream::EndpointSet>();
  std::shared_ptr<upstream::EndpointState> state;
  upstream::HealthChecks checks{loop, states, metrics, 0};
};

TEST_CASE_FIXTURE(HealthFixture, "health: asks, each time anew, and says when it has changed") {
  checks.follow({{cluster, nullptr, set}});
  answer("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  answer("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
  CHECK(!state->is_unhealthy());
  answer("HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n");
  CHECK(state->is_unhealthy());
  answer("HTTP/1.1 204 OK\r\n\r\n");
  answer("HTTP/1.1 299 OK\r\ncontent-length: 0\r\n\r\n");
  CHECK(!state->is_unhealthy());
}

TEST_CASE_FIXTURE(HealthFixture, "health: one that takes too long has failed") {
  cluster.health->timeout = base::Millis{30};
  cluster.health->unhealthy_after = 1;
  checks.follow({{cluster, nullptr, set}});
  upstream_test::PeerConnection silent = peer.accept();
  CHECK(upstream_test::turn_until(loop, [&] { return state->is_unhealthy(); }));
}

TEST_CASE_FIXTURE(HealthFixture,
                  "health: who is no longer asked is healthy, who stays is as it was") {
  cluster.health->unhealthy_after = 1;
  checks.follow({{cluster, nullptr, set}});
  answer("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n");
  CHECK(state->is_unhealthy());
  checks.follow({{cluster, nullptr, set}});
  CHECK(state->is_unhealthy());
  config::Cluster other = cluster;
  other.health->interval = base::Millis{30};
  checks.follow({{other, nullptr, set}});
  CHECK(state->is_unhealthy());
  checks.follow({});
  CHECK(!state->is_unhealthy());
}

}  // namespace
