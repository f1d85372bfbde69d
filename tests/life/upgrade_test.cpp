// Another process takes over: the binary and the configuration on disk, the sockets handed on, no
// request lost.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/udp.hpp"
#include "tests/life/upgraded.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <future>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

using harness::Answer;
using harness::get;
using harness::Origin;
using harness::Outrider;
using harness::Socket;
using life::answering;
using life::post;
using life::Successors;

namespace {

std::string sidecar(const std::string& url, const std::string& more = "") {
  return "version: 1\n"
         "access_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "listeners:\n"
         "  egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] }\n"
         "clusters:\n"
         "  app: { url: \"" +
         url + "\" }\n" + more;
}

template <typename Is> bool comes_to_be(Is is_so) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(30);
  while (!is_so())
    if (base::Clock::now() > limit) return false;
  return true;
}

}  // namespace

TEST_CASE("upgrade: the new process has the configuration on disk and the ports of the old one") {
  Outrider outrider(answering(201));
  const base::Address egress = outrider.address(), admin = outrider.admin();
  Successors successors(outrider);
  CHECK(get(egress, "/").status == 201);
  outrider.write(answering(202));
  CHECK(post(admin, "/upgrade").status == 200);
  CHECK(outrider->wait() == 0);
  CHECK(get(egress, "/").status == 202);
  CHECK(get(admin, "/ready", "localhost").status == 200);
  const pid_t second = successors.next();
  outrider.write(answering(203));
  ::kill(second, SIGUSR2);
  successors.next();
  CHECK(comes_to_be([&] { return get(egress, "/").status == 203; }));
}

TEST_CASE("upgrade: a configuration that does not hold changes nothing, and is told in full") {
  Outrider outrider(answering(201));
  const base::Address egress = outrider.address();
  outrider.write("version: 1\nlisteneers: {}\n");
  const Answer answer = post(outrider.admin(), "/upgrade");
  CHECK(answer.status == 422);
  CHECK(answer.body.find("the new process ended with status 1 before it was ready") !=
        answer.body.npos);
  outrider->wait_for("did you mean \"listeners\"?");
  outrider->wait_for("upgrade: this process goes on: the new process ended with status 1");
  CHECK(get(egress, "/").status == 201);
  outrider.write(answering(202));
  CHECK(post(outrider.admin(), "/reload").status == 200);
  CHECK(get(egress, "/").status == 202);
}

// It fails behind its own binding, as its admin side's port is another's.
TEST_CASE("upgrade: one that fails has changed nobody's access, and loses nobody who connects") {
  const std::string path = "/tmp/outrider-access." + std::to_string(::getpid());
  const auto with = [&](int workers, const std::string& mode, const std::string& probes) {
    return "version: 1\nworkers: " + std::to_string(workers) +
           "\naccess_log: { format: none }\nadmin: { bind: \"unix:" + path + ".admin\", mode: \"" +
           mode + "\", probes: \"" + probes + "\" }\nlisteners:\n" +
           "  egress: { bind: \"127.0.0.1:0\", routes: [{ respond: { status: 201 } }] }\n" +
           "  local: { bind: \"unix:" + path + "\", mode: \"" + mode +
           "\", routes: [{ respond: { status: 201 } }] }\n";
  };
  const auto mode_of = [](const std::string& of) {
    struct stat status {};
    return ::stat(of.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
  };
  Origin taken(Origin::answering("x"));
  Outrider outrider(with(1, "0600", "127.0.0.1:0"));
  const base::Address egress = outrider.address("egress");
  const base::Address admin = *base::Address::parse("unix:" + path + ".admin");
  outrider->wait_for("admin listening on");
  std::atomic<bool> is_over{false};
  std::atomic<int> failed{0};
  const auto ask = [&] {
    try {
      return get(egress, "/").status == 201;
    } catch (const std::exception&) {
      return false;
    }
  };
  std::thread client([&] {
    while (!is_over)
      if (!ask()) ++failed;
  });
  outrider.write(with(4, "0666", taken.address().to_string()));
  for (int i = 0; i < 10; ++i) {
    const Answer answer = post(admin, "/upgrade");
    CHECK_MESSAGE(answer.body.find("cannot bind") != answer.body.npos, answer.body);
    CHECK(mode_of(path) == 0600);
    CHECK(mode_of(path + ".admin") == 0600);
  }
  is_over = true;
  client.join();
  CHECK(failed == 0);
}

TEST_CASE("upgrade: paths stay those of the old process when the new one's app cannot be started") {
  const std::string path = "/tmp/outrider-kept." + std::to_string(::getpid());
  const std::string yaml = answering(201) + "  local: { bind: \"unix:" + path +
                           "\", routes: [{ respond: { status: 201 } }] }\n";
  Outrider outrider(yaml);
  const base::Address local = *base::Address::parse("unix:" + path);
  const base::Address admin = outrider.admin();
  const auto fails = [&](const std::string& app) {
    outrider.write(yaml + "app: " + app + "\n");
    CHECK(post(admin, "/upgrade").status == 422);
    CHECK(get(local, "/").status == 201);
  };
  SUBCASE("it is not there") {
    fails("{ command: [/nonexistent] }");
  }
  SUBCASE("it never becomes ready") {
    fails("{ command: [sleep, \"1000\"], ready: \"http://127.0.0.1:1/\", start_timeout: 100ms }");
  }
}

TEST_CASE("upgrade: a breaker that is held by hand stays so in the new process") {
  Origin origin(Origin::answering("x"));
  const auto with_breakers = [&](const std::string& fields) {
    return "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
           "listeners:\n  egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] }\nclusters:\n"
           "  app: { url: \"" +
           origin.url() + "\", filters: [circuit_breaker: { " + fields +
           " }] }\n"
           "  other: { url: \"http://127.0.0.1:1\", filters: [circuit_breaker: {}] }\n";
  };
  Outrider outrider(with_breakers("window: 30s"));
  const base::Address egress = outrider.address(), admin = outrider.admin();
  Successors successors(outrider);
  CHECK(get(egress, "/").status == 200);
  CHECK(post(admin, "/breakers/cluster%20app?state=open").status == 200);
  CHECK(post(admin, "/breakers/cluster%20other?state=closed").status == 200);
  CHECK(get(egress, "/").field("proxy-status").find("circuit_open") != std::string::npos);
  for (const char* fields : {"window: 30s", "window: 20s"}) {
    outrider.write(with_breakers(fields));
    CHECK(post(admin, "/upgrade").status == 200);
    successors.next();
    CHECK(comes_to_be([&] { return get(admin, "/ready", "localhost").status == 200; }));
    const Answer refused = get(egress, "/");
    CHECK(refused.status == 503);
    CHECK(refused.field("proxy-status").find("circuit_open") != std::string::npos);
    outrider->wait_for("the circuit breaker of cluster other stays held closed by hand");
  }
  CHECK(post(admin, "/breakers/cluster%20app?state=auto").status == 200);
  CHECK(comes_to_be([&] { return get(egress, "/").status == 200; }));
  // Of one that is not there any more only a word is left.
  outrider.write(answering(202));
  CHECK(post(admin, "/upgrade").status == 200);
  outrider->wait_for("cluster other was held closed by hand, and is not in this configuration");
}

TEST_CASE("upgrade: an endpoint's breaker that is held is known before it is used, and can be let go") {
  Origin origin(Origin::answering("x"));
  const std::string endpoint = origin.address().to_string();
  Outrider outrider(
      "version: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n  egress: { bind: \"127.0.0.1:0\", routes: [{ to: app }] }\nclusters:\n"
      "  app: { endpoints: [\"" +
      endpoint + "\"], filters: [circuit_breaker: { scope: endpoint }] }\n");
  const base::Address egress = outrider.address(), admin = outrider.admin();
  Successors successors(outrider);
  CHECK(get(egress, "/").status == 200);
  CHECK(post(admin, "/breakers/cluster%20app/" + endpoint + "?state=open").status == 200);
  CHECK(post(admin, "/upgrade").status == 200);
  successors.next();
  CHECK(comes_to_be([&] { return get(admin, "/ready", "localhost").status == 200; }));
  const std::string held =
      "\"place\":\"cluster app/" + endpoint + "\",\"state\":\"open\",\"mode\":\"open\"";
  CHECK(get(admin, "/clusters", "localhost").body.find(held) != std::string::npos);
  CHECK(post(admin, "/breakers/cluster%20app/" + endpoint + "?state=auto").status == 200);
  CHECK(get(egress, "/").status == 200);
}

TEST_CASE("upgrade: what began in the old process lives on there, without a limit of time") {
  std::promise<void> goes_on;
  Origin origin([&](Socket& peer) {
    if (peer.read_head().find(" /stream ") == std::string::npos) {
      peer.send("HTTP/1.1 204 No Content\r\n\r\n");
      return;
    }
    peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n");
    goes_on.get_future().wait();
    peer.send("data: 2\n\n");
  });
  Outrider outrider(sidecar(origin.url(), "drain: { timeout: 1ms }\n"));
  const base::Address egress = outrider.address();
  Successors successors(outrider);
  Socket client = Socket::connect(egress);
  client.send("GET /stream HTTP/1.1\r\nhost: a\r\n\r\n");
  client.read_until("data: 1");
  outrider->signal(SIGUSR2);
  successors.next();
  CHECK(get(egress, "/").status == 204);
  goes_on.set_value();
  CHECK(client.read_to_end().find("data: 2") != std::string::npos);
  CHECK(outrider->wait() == 0);
}

TEST_CASE("upgrade: SIGTERM ends an old process whose stream does not end") {
  Origin origin([](Socket& peer) {
    peer.read_head();
    peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: 1\n\n");
    peer.read_some();
  });
  Outrider outrider(sidecar(origin.url(), "drain: { timeout: 50ms }\n"));
  Successors successors(outrider);
  Socket client = Socket::connect(outrider.address());
  client.send("GET /stream HTTP/1.1\r\nhost: a\r\n\r\n");
  client.read_until("data: 1");
  outrider->signal(SIGUSR2);
  successors.next();
  outrider->signal(SIGTERM);
  CHECK(outrider->wait() == 0);
  CHECK(outrider->said().find("drain.timeout: 1 exchange was cut") != std::string::npos);
}

// OUTRIDER_UPGRADES: how many; each process is followed by the next.
TEST_CASE("upgrade: none of the requests fails, over and over, and streams live on in the old ones") {
  const char* const wanted = std::getenv("OUTRIDER_UPGRADES");
  const int upgrades = wanted ? std::atoi(wanted) : 10;
  std::promise<void> may_end;
  const std::shared_future<void> end = may_end.get_future().share();
  Origin origin([&](Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      if (head.starts_with("GET /stream ")) {
        peer.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\ndata: first\n\n");
        end.wait();
        peer.send("data: last\n\n");
        return;
      }
      peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx");
    }
  });
  const std::string path = "/tmp/outrider-upgrade." + std::to_string(::getpid()) + ".sock";
  Outrider outrider(
      "version: 1\nworkers: 2\naccess_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\nlisteners:\n"
      "  egress: { bind: [\"127.0.0.1:0\", \"unix:" +
      path + "\"], routes: [{ to: app }] }\nclusters:\n  app: { url: \"" + origin.url() + "\" }\n");
  const base::Address egress = outrider.address(), admin = outrider.admin();
  const base::Address unix_egress = *base::Address::parse("unix:" + path);
  Successors successors(outrider);
  std::atomic<bool> is_over{false};
  std::atomic<int> failed{0}, done{0};
  const auto ask = [&](const base::Address& at) {
    try {
      get(at, "/").status == 200 ? ++done : ++failed;
    } catch (const std::exception&) {
      ++failed;
    }
  };
  const auto keep_asking = [&] {
    Socket client;
    while (!is_over) {
      if (!client.is_open()) client = Socket::connect(egress);
      client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
      const Answer answer = client.read_answer();
      answer.status == 200 ? ++done : ++failed;
      if (answer.field("connection") == "close") client.close();
    }
  };
  std::vector<std::thread> clients;
  for (const base::Address* at : {&egress, &unix_egress})
    clients.emplace_back([&, at] {
      while (!is_over) ask(*at);
    });
  for (int i = 0; i < 3; ++i) clients.emplace_back(keep_asking);
  std::vector<Socket> streams;  // one in each process
  for (int i = 0; i < upgrades; ++i) {
    streams.push_back(Socket::connect(egress));
    streams.back().send("GET /stream HTTP/1.1\r\nhost: a\r\n\r\n");
    streams.back().read_until("data: first");
    const int before = done;
    CHECK(post(admin, "/upgrade").status == 200);
    successors.next();
    CHECK(comes_to_be([&] { return done > before + 50; }));
  }
  is_over = true;
  for (std::thread& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(::access(path.c_str(), F_OK) == 0);
  may_end.set_value();
  for (Socket& each : streams) CHECK(each.read_to_end().find("data: last") != std::string::npos);
}

TEST_CASE("upgrade: after one that failed a session of datagrams is answered also while it drains") {
  const harness::UdpEcho echo;
  const std::string relay =
      "version: 1\nworkers: 1\naccess_log: { format: none }\nadmin: { bind: \"127.0.0.1:0\" }\n"
      "listeners: { stun: { bind: \"127.0.0.1:0\", udp: { to: turn } } }\n"
      "clusters: { turn: { url: \"udp://" +
      echo.address() + "\" } }\n";
  Outrider outrider(relay);
  const base::Address stun = outrider.address("stun"), admin = outrider.admin();
  const harness::Udp client(stun);
  CHECK(client.ask("a").ends_with(" a"));
  outrider.write("version: 1\nlisteneers: {}\n");
  CHECK(post(admin, "/upgrade").status == 422);
  outrider->signal(SIGTERM);
  const auto is_draining = [&] {
    CHECK(client.ask("b").ends_with(" b"));
    try {
      const Socket probe = Socket::connect(admin);
      return false;
    } catch (const std::exception&) {
      return true;
    }
  };
  CHECK(comes_to_be(is_draining));
  for (int i = 0; i < 20; ++i) REQUIRE(client.ask("c").ends_with(" c"));
  CHECK(outrider->wait() == 0);
}

TEST_CASE("upgrade: there is none beside an app, whose signal it is") {
  Outrider outrider(answering(201), {"--", "sleep", "1000"});
  outrider.address();
  const Answer answer = post(outrider.admin(), "/upgrade");
  CHECK(answer.status == 422);
  CHECK(answer.body.find("it runs the app") != answer.body.npos);
}

TEST_CASE("upgrade: who asks for one that fails is told what the new process says") {
  Outrider outrider(answering(201));
  outrider.address("egress");
  const base::Address admin = outrider.admin();
  outrider.write("version: 1\nlistener: {}\n");
  const Answer refused = post(admin, "/upgrade");
  CHECK(refused.status == 422);
  CHECK(refused.body.find("ended with status 1 before it was ready: ") != refused.body.npos);
  CHECK(refused.body.find("did you mean \"listeners\"?") != refused.body.npos);
  CHECK(get(outrider.address("egress"), "/").status == 201);
}
