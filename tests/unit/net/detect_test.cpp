#include "proxy/net/detect.hpp"

#include "proxy/base/task_group.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <sys/socket.h>
#include <unistd.h>

namespace {


constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr base::Millis idle{20'000};

// A transport, its client, and what detection makes of it.
struct Detecting {
  explicit Detecting(base::Millis rest = base::Millis{20'000}) {
    int ends[2] = {-1, -1};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
    client = ends[1];
    transport = std::make_unique<net::Transport>(loop, ends[0]);
    tasks.spawn(run(rest)).release();
  }
  ~Detecting() {
    tasks.cancel_all();
    if (client >= 0) ::close(client);
  }
  base::Task<> run(base::Millis rest) {
    base::Result<net::Detected> result = co_await net::detect(*transport, idle, rest);
    found.emplace(std::move(result));
  }
  void say(std::string_view text) {
    REQUIRE(::send(client, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    for (int i = 0; i < 3; ++i) loop.turn(base::Millis{0});
  }
  void wait() {
    const base::Time limit = base::Clock::now() + std::chrono::seconds(10);
    while (!found && base::Clock::now() < limit) loop.turn(base::Millis{5});
    REQUIRE(found);
  }

  base::EventLoop loop;
  base::TaskGroup tasks{loop};
  std::unique_ptr<net::Transport> transport;
  std::optional<base::Result<net::Detected>> found;
  int client = -1;
};

TEST_CASE("detect: the preface is HTTP/2 wherever it is cut, and nothing of it is lost") {
  for (std::size_t cut = 1; cut < preface.size(); ++cut) {
    CAPTURE(cut);
    Detecting peer;
    peer.say(preface.substr(0, cut));
    CHECK_FALSE(peer.found);
    peer.say(std::string(preface.substr(cut)) + "more");
    REQUIRE(peer.found);
    REQUIRE(peer.found->ok());
    CHECK((*peer.found)->is_h2);
    CHECK((*peer.found)->read.view() == std::string(preface) + "more");
  }
}

TEST_CASE("detect: anything else is HTTP/1 as soon as it differs") {
  for (std::string text : {"G", "\r", "PO", "PRX", "PRI * HTTP/1", "PRI * HTTP/2.0\r\n\r\nSX"}) {
    CAPTURE(text);
    Detecting peer;
    peer.say(text);
    REQUIRE(peer.found);
    REQUIRE(peer.found->ok());
    CHECK(!(*peer.found)->is_h2);
    CHECK((*peer.found)->read.view() == text);
  }
}

TEST_CASE("detect: what stops within a method is HTTP/1, begun when its first byte came") {
  for (std::string text : {"P", "PR", "PRI"}) {
    CAPTURE(text);
    Detecting peer(base::Millis{20});
    const base::Time before = base::Clock::now();
    peer.say(text);
    const base::Time after = base::Clock::now();
    peer.wait();
    REQUIRE(peer.found->ok());
    CHECK(!(*peer.found)->is_h2);
    CHECK((*peer.found)->read.view() == text);
    CHECK((*peer.found)->begun <= after);
    CHECK((*peer.found)->begun + base::Millis{1'000} > before);
  }
}

TEST_CASE("detect: what stops behind it is a silent client of HTTP/2") {
  for (std::size_t size = 4; size < preface.size(); ++size) {
    CAPTURE(size);
    Detecting peer(base::Millis{5});
    peer.say(preface.substr(0, size));
    peer.wait();
    REQUIRE_FALSE(peer.found->ok());
    CHECK(peer.found->error().reason == base::Reason::request_timeout);
  }
}

TEST_CASE("detect: a client that leaves is gone, whatever it has said") {
  for (std::string text : {"", "P", "PRI * HT"}) {
    Detecting peer;
    if (!text.empty()) peer.say(text);
    ::close(std::exchange(peer.client, -1));
    peer.wait();
    REQUIRE_FALSE(peer.found->ok());
    CHECK(peer.found->error().reason == base::Reason::client_gone);
  }
}

}  // namespace
