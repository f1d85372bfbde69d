// The admin side: what it says, to whom, and that the numbers are right.
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

namespace {

Answer ask(const TestProxy& proxy, const std::string& method, const std::string& path,
           const std::string& host = "localhost", const std::string& more = "x-outrider: 1\r\n") {
  Socket client = Socket::connect(proxy.admin());
  client.send(method + " " + path + " HTTP/1.1\r\nhost: " + host + "\r\n" + more + "\r\n");
  return client.read_answer(method == "HEAD");
}

std::string with_admin(const Origin& origin, const std::string& fields) {
  return "version: 1\naccess_log: { format: none }\nadmin: { " + fields +
         " }\nlisteners:\n  egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] }\n"
         "clusters:\n  app: { url: \"" +
         origin.url() + "\" }\n";
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// The exposition format, as a scraper reads it: each sample by its name and labels.
class Exposition {
 public:
  explicit Exposition(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) take(line);
  }
  double value(const std::string& series) const {
    const auto found = samples_.find(series);
    return found == samples_.end() ? -1 : found->second;
  }
  // Summed over all series that begin so.
  double sum(const std::string& prefix) const {
    double sum = 0;
    for (const auto& [series, value] : samples_)
      if (series.starts_with(prefix)) sum += value;
    return sum;
  }

 private:
  void take(const std::string& line) {
    CAPTURE(line);
    if (line.starts_with("# ")) {
      const std::string what = line.substr(2, 4);
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      CHECK((what == "HELP" || what == "TYPE"));
      CHECK(described_.insert(what + name).second);
      if (name != family_) CHECK(families_.insert(name).second);
      family_ = name;
      if (line.ends_with(" histogram")) histograms_.insert(name);
      return;
    }
    const std::size_t space = line.rfind(' ');
    const std::string series = line.substr(0, space);
    const std::string name = series.substr(0, series.find('{'));
    const bool is_of_histogram = histograms_.contains(family_) && name.starts_with(family_);
    CHECK((name == family_ || is_of_histogram));
    CHECK(described_.contains("HELP" + family_));
    CHECK(described_.contains("TYPE" + family_));
    CHECK(samples_.emplace(series, std::stod(line.substr(space + 1))).second);
  }

  std::string family_;
  std::set<std::string> described_, families_, histograms_;
  std::map<std::string, double> samples_;
};

}  // namespace

TEST_CASE("admin: connections that only linger count among its 64, and make room") {
  constexpr std::size_t most = 64;
  constexpr std::size_t clients = 3 * most;
  Origin origin(Origin::answering("x"));
  const TestProxy proxy(harness::egress_to(origin.url()));
  const std::size_t before = open_descriptors();
  std::vector<Socket> leaving;  // they have their answer, and do not close
  for (std::size_t i = 0; i < clients; ++i) {
    leaving.push_back(Socket::connect(proxy.admin()));
    leaving.back().send("GET /live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    CHECK(leaving.back().read_answer().status == 200);
  }
  CHECK(open_descriptors() <= before + clients + most);
}

TEST_CASE("admin: answers reads only, to those who name this host") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url()));
  for (const std::string path : {"/live", "/ready", "/metrics", "/config", "/clusters", "/stats"}) {
    CAPTURE(path);
    const Answer answer = ask(proxy, "GET", path);
    CHECK(answer.status == 200);
    CHECK_FALSE(answer.body.empty());
    const std::string announced = ask(proxy, "HEAD", path).field("content-length");
    if (path == "/metrics" || path == "/stats")  // which differ from one moment to the next
      CHECK(std::atoi(announced.c_str()) > 0);
    else
      CHECK(announced == std::to_string(answer.body.size()));
    CHECK(ask(proxy, "GET", path, "evil.test").status == 403);
    CHECK(ask(proxy, "POST", path).status == 405);
  }
  CHECK(ask(proxy, "GET", "/drain").status == 405);
  CHECK(ask(proxy, "POST", "/reload").status == 200);
  CHECK(ask(proxy, "GET", "/reload").status == 405);
  CHECK(ask(proxy, "POST", "/breakers/app?state=open").status == 404);
  CHECK(ask(proxy, "GET", "/nothing").status == 404);
  CHECK(ask(proxy, "POST", "/drain", "evil.test").status == 403);
  CHECK(ask(proxy, "GET", "/ready").body == "ready\n");
}

TEST_CASE("admin: the port of the probes serves them, to everybody, and nothing else") {
  Origin origin(Origin::answering("x"));
  const TestProxy proxy(harness::egress_to(origin.url(), "") );
  CHECK(proxy.probes().is_none());
  const TestProxy probed(with_admin(origin, "bind: \"127.0.0.1:0\", probes: \"0.0.0.0:0\""));
  const base::Address probes = *base::Address::parse_ip("127.0.0.1", probed.probes().port());
  for (const char* path : {"/live", "/ready", "/metrics"}) {
    CAPTURE(path);
    const Answer answer = harness::get(probes, path, "pod.of.mine");
    CHECK(answer.status == 200);
    CHECK_FALSE(answer.body.empty());
  }
  for (const char* path : {"/", "/config", "/clusters", "/stats", "/reload", "/drain", "/breakers/x"})
    CHECK(harness::get(probes, path).status == 404);
  Socket client = Socket::connect(probes);
  client.send("POST /drain HTTP/1.1\r\nhost: localhost\r\nx-outrider: 1\r\n\r\n");
  CHECK(client.read_answer().status == 404);
  CHECK(probed.ask("/stats").status == 200);
}

TEST_CASE("admin: where a token is asked for, nothing is said and done without it") {
  Origin origin(Origin::answering("x"));
  const auto path = std::filesystem::temp_directory_path() / ("outrider-token." + std::to_string(::getpid()));
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  write("first-one\n");
  const std::string yaml = with_admin(origin, "bind: \"0.0.0.0:0\", token: " + path.string());
  TestProxy proxy(yaml);
  const base::Address admin = *base::Address::parse_ip("127.0.0.1", proxy.admin().port());
  const auto status = [&](const std::string& what, const std::string& authorization) {
    Socket client = Socket::connect(admin);
    client.send(what + " HTTP/1.1\r\nhost: any.name\r\nx-outrider: 1\r\n" + authorization + "\r\n");
    const Answer answer = client.read_answer();
    CHECK((answer.status == 401) == (answer.field("www-authenticate") == "Bearer"));
    return answer.status;
  };
  const std::string first = "authorization: Bearer first-one\r\n";
  for (const char* wrong : {"", "authorization: Bearer \r\n", "authorization: first-one\r\n",
                            "authorization: Bearer first-on\r\n", "authorization: Bearer first-onee\r\n",
                            "authorization: Basic first-one\r\n", "authorization: Bearer second-one\r\n"}) {
    CAPTURE(wrong);
    for (const char* what : {"GET /", "GET /live", "GET /config", "POST /reload", "POST /drain"})
      CHECK(status(what, wrong) == 401);
  }
  CHECK(status("GET /", "accept: text/html\r\n") == 200);  // it asks for the token itself
  CHECK(status("GET /config", first) == 200);
  CHECK(status("GET /live", "authorization: bearer  first-one \r\n") == 200);
  write("second-one");
  CHECK(status("POST /reload", first) == 200);
  CHECK(status("GET /live", first) == 401);
  CHECK(status("GET /live", "authorization: Bearer second-one\r\n") == 200);
  // A token that cannot be read, or is none, keeps what is in force.
  for (const char* bad : {"", "\n", "two words\n"}) {
    write(bad);
    CHECK(status("POST /reload", "authorization: Bearer second-one\r\n") == 422);
  }
  std::filesystem::remove(path);
  CHECK(status("POST /reload", "authorization: Bearer second-one\r\n") == 422);
  CHECK(status("GET /live", "authorization: Bearer second-one\r\n") == 200);
  CHECK_THROWS_WITH_AS(TestProxy{yaml}, doctest::Contains("No such file"), std::runtime_error);
}

TEST_CASE("admin: what changes something is not done for a page of another site") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url()));
  const std::string here = "http://localhost";
  for (const std::string& more : {
           std::string(),
           std::string("content-type: application/x-www-form-urlencoded\r\n"),
           std::string("content-type: text/plain\r\nx-outrider: 0\r\n"),
           std::string("x-outrider: 1\r\norigin: http://evil.test\r\n"),
           std::string("x-outrider: 1\r\norigin: null\r\n"),
           "x-outrider: 1\r\norigin: " + here + ":3000\r\n",
           "x-outrider: 1\r\norigin: " + here + "\r\nsec-fetch-site: cross-site\r\n",
           std::string("content-type: application/json\r\nsec-fetch-site: same-site\r\n"),
       }) {
    CAPTURE(more);
    CHECK(ask(proxy, "POST", "/breakers/x", "localhost", more).status == 403);
    CHECK(ask(proxy, "POST", "/drain", "localhost", more).status == 403);
  }
  for (const std::string& more : {
           std::string("x-outrider: 1\r\n"),
           std::string("content-type: application/json; charset=utf-8\r\n"),
           "x-outrider: 1\r\nsec-fetch-site: same-origin\r\norigin: " + here + "\r\n",
       }) {
    CAPTURE(more);
    CHECK(ask(proxy, "POST", "/breakers/x", "localhost", more).status == 400);
  }
  CHECK(ask(proxy, "GET", "/live", "localhost", "sec-fetch-site: cross-site\r\n").status == 200);
  CHECK(ask(proxy, "GET", "/ready").body == "ready\n");
}

TEST_CASE("admin: the root lists what there is") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url()));
  const std::string index = ask(proxy, "GET", "/").body;
  for (const char* path : {"/live", "/ready", "/metrics", "/config", "/clusters", "/stats"})
    CHECK(index.find(std::string("GET ") + path) != std::string::npos);
  CHECK(index.find("POST /drain") != std::string::npos);
  const Answer refused = ask(proxy, "GET", "/drain");
  CHECK(refused.status == 405);
  CHECK(refused.field("allow") == "POST");
}

TEST_CASE("admin: while draining its address is free once the listeners are closed") {
  std::promise<void> asked, answers;
  Origin origin([&](Socket& peer) {
    peer.read_head();
    asked.set_value();
    answers.get_future().wait();
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  Socket client = Socket::connect(proxy.address());
  client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  asked.get_future().wait();
  Socket admin = Socket::connect(proxy.admin());
  admin.send("GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n");
  CHECK(admin.read_answer().status == 200);
  const base::Address address = proxy.admin();
  proxy.begin_drain();
  for (bool is_free = false; !is_free;) {
    try {
      Socket late = Socket::connect(address);
    } catch (const std::system_error&) {
      is_free = true;
    }
  }
  admin.send("GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n");
  CHECK(admin.read_answer().status == 503);
  answers.set_value();
  CHECK(client.read_answer().status == 200);
  proxy.wait_until_ended();
}

TEST_CASE("admin: of its 64 connections the oldest that asks nothing makes room for another") {
  constexpr std::size_t most = 64;
  Origin origin(Origin::answering("x"));
  TestProxy proxy(
      "version: 1\naccess_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\", probes: \"127.0.0.1:0\" }\n"
      "listeners: { egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] } }\n"
      "clusters: { app: { url: \"" +
      origin.url() + "\" } }\n");
  for (const base::Address& address : {proxy.admin(), proxy.probes()}) {
    const std::size_t before = open_descriptors();
    std::vector<Socket> silent;
    for (std::size_t i = 0; i < 2 * most; ++i) {
      silent.push_back(Socket::connect(address));
      if (i % 2 == 0) silent.back().send("GET /live HTTP/1.1\r\nhost: ");
    }
    Socket client = Socket::connect(address);
    client.send("GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n");
    CHECK(client.read_answer().status == 200);
    for (std::size_t i = 0; i <= most; ++i) CHECK(silent[i].read_some().empty());
    CHECK(open_descriptors() <= before + silent.size() + 1 + most);
    silent.back().send("GET /live HTTP/1.1\r\nhost: localhost\r\n\r\n");
    CHECK(silent.back().read_answer().status == 200);
  }
}

TEST_CASE("admin: while all of its 64 connections are busy no other is taken") {
  Origin origin(Origin::answering("x"));
  TestProxy proxy(harness::egress_to(origin.url()));
  std::vector<Socket> busy;  // with the rest of a request that was answered early
  for (int i = 0; i < 64; ++i) {
    busy.push_back(Socket::connect(proxy.admin()));
    busy.back().send("POST /drain HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n");
    CHECK(busy.back().read_answer().status == 403);
  }
  Socket one_more = Socket::connect(proxy.admin());
  CHECK(one_more.read_some().empty());
  busy.clear();
  int status = 0;
  while (status != 200) {
    try {
      status = ask(proxy, "GET", "/live").status;
    } catch (const std::exception&) {  // it was still turned away
    }
  }
}

TEST_CASE(
    "admin: metrics hold what Prometheus wants, and count each request once with two workers") {
  Origin origin(Origin::echo());
  TestProxy proxy(harness::egress_to(origin.url(), "workers: 2\n"));
  constexpr int connections = 20, requests = 10;
  for (int i = 0; i < connections; ++i) {
    Socket client = Socket::connect(proxy.address());
    for (int k = 0; k < requests; ++k) {
      client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi");
      CHECK(client.read_answer().body == "hi");
    }
  }
  const Exposition metrics(proxy.ask("/metrics").body);
  const std::string labels = "listener=\"egress\",route=\"egress.1\",cluster=\"app\"";
  CHECK(metrics.value("outrider_requests_total{" + labels +
                      ",method=\"POST\",code=\"200\",reason=\"\"}") == connections * requests);
  CHECK(metrics.sum("outrider_requests_total{") == connections * requests);
  CHECK(metrics.value("outrider_attempts_total{cluster=\"app\",outcome=\"2xx\"}") ==
        connections * requests);
  const std::string histogram = "outrider_request_duration_seconds";
  CHECK(metrics.value(histogram + "_count{" + labels + "}") == connections * requests);
  CHECK(metrics.value(histogram + "_bucket{" + labels + ",le=\"+Inf\"}") == connections * requests);
  double last = 0;
  for (const char* bound : {"0.0005", "0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
                            "0.5", "1", "2.5", "5", "10", "30", "+Inf"}) {
    const double count = metrics.value(histogram + "_bucket{" + labels + ",le=\"" + bound + "\"}");
    CHECK(count >= last);
    last = count;
  }
  CHECK(metrics.value("outrider_requests_in_flight{listener=\"egress\"}") == 0);
  CHECK(metrics.value("process_open_fds") > 0);
  CHECK(metrics.value("process_resident_memory_bytes") > 0);
  CHECK(metrics.value("outrider_config_reload_success") == 1);
}

TEST_CASE("admin: series are there from the start, at 0") {
  Origin origin(Origin::echo());
  TestProxy proxy(harness::egress_to(origin.url()));
  const std::string place = "{listener=\"egress\",route=\"egress.1\",cluster=\"app\"}";
  Exposition before(proxy.ask("/metrics").body);
  CHECK(before.sum("outrider_requests_total{listener=\"egress\"") == 0);
  for (const std::string name :
       {"outrider_request_duration_seconds_count", "outrider_request_body_bytes_total",
        "outrider_response_body_bytes_total"})
    CHECK(before.value(name + place) == 0);
  for (const char* series :
       {"outrider_attempts_total{cluster=\"app\",outcome=\"2xx\"}",
        "outrider_retries_total{cluster=\"app\",reason=\"5xx\"}",
        "outrider_attempt_duration_seconds_count{cluster=\"app\"}",
        "outrider_pool_pending{cluster=\"app\"}",
        "outrider_pool_connections{cluster=\"app\",protocol=\"h2\",state=\"idle\"}",
        "outrider_access_log_dropped_total", "outrider_log_dropped_total"})
    CHECK_MESSAGE(before.value(series) == 0, series);
  CHECK(before.sum("outrider_build_info{") == 1);
  CHECK(before.value("outrider_config_last_reload_success_timestamp_seconds") > 1.7e9);

  Socket client = Socket::connect(proxy.address());
  client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello");
  CHECK(client.read_answer().body == "hello");
  Exposition after(proxy.ask("/metrics").body);
  CHECK(after.value("outrider_request_body_bytes_total" + place) == 5);
  CHECK(after.value("outrider_response_body_bytes_total" + place) == 5);
  CHECK(after.value("outrider_attempt_duration_seconds_count{cluster=\"app\"}") == 1);
}

TEST_CASE("admin: JSON of clusters and stats, and the configuration without its secrets") {
  ::setenv("OUTRIDER_TEST_SECRET", "not for show", 1);
  Origin origin(Origin::answering("x"));
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
      "clusters:\n"
      "  app:\n"
      "    url: \"" +
      origin.url() +
      "\"\n"
      "    filters: [headers: { request: { set: { x-key: \"${OUTRIDER_TEST_SECRET}\" } } }]\n");
  CHECK(harness::get(proxy.address(), "/").status == 200);
  const Json clusters = Json::parse(proxy.ask("/clusters").body);
  const Json& app = clusters["clusters"].items().front();
  CHECK(app["name"].text() == "app");
  CHECK(app["requests"].number() == 1);
  CHECK(app["endpoints"].items().front()["address"].text() == origin.address().to_string());
  const Json stats = Json::parse(proxy.ask("/stats").body);
  CHECK(stats["listeners"].items().front()["name"].text() == "egress");
  CHECK_FALSE(stats["draining"].is_true());
  const std::string config = proxy.ask("/config").body;
  CHECK(config.find("${OUTRIDER_TEST_SECRET}") != std::string::npos);
  CHECK(config.find("not for show") == std::string::npos);
}
