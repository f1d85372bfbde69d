// Each bad answer of tests/corpora/proxy-cases from an HTTP/1 upstream that then closes or stays: what
// the client is told, and that the connection on which it came is not used again.
#include <poll.h>

#include <atomic>
#include <future>
#include <set>

#include <doctest/doctest.h>

#include "tests/harness/corpus.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Answer;
using harness::Json;
using harness::Origin;
using harness::Silence;
using harness::Socket;
using harness::TestProxy;

namespace {

constexpr const char* good = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";

std::string config_for(const std::string& url, bool is_tls, const char* patience) {
  return "version: 1\n"
         "workers: 1\n"
         "access_log: { format: none }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes: [{ to: app }]\n"
         "clusters:\n"
         "  app:\n"
         "    url: \"" + url + "\"\n" +
         std::string(is_tls ? "    tls: { insecure: true }\n" : "") +
         "    filters: [{ timeout: { total: " + patience + " } }]\n";
}

// The first connection misbehaves at its first request, or at once; what is asked on it afterwards, and
// on any other, is answered well.
class Upstream {
 public:
  enum class Way { answers, drips, speaks_first };

  Upstream(std::string says, bool closes, Way way)
      : says_(std::move(says)), closes_(closes), way_(way), origin_([this](Socket& peer) { serve(peer); }) {}

  const Origin& origin() const { return origin_; }
  bool was_reused() const { return was_reused_; }
  // The bad answer is out, and the end of the connection if that belongs to it.
  void wait_until_said() { has_said_.get_future().wait(); }

 private:
  void serve(Socket& peer) {
    const bool is_first = !has_come_.exchange(true);
    if (is_first && way_ == Way::speaks_first) {
      misbehave(peer);
      peer.read_to_end();
      return;
    }
    for (bool is_bad = is_first; !peer.read_head().empty(); is_bad = false) {
      if (is_bad) {
        misbehave(peer);
        continue;
      }
      if (is_first) was_reused_ = true;
      if (!peer.send(good)) return;
    }
  }

  void misbehave(Socket& peer) {
    peer.send(says_);
    pollfd end{peer.descriptor(), POLLRDHUP, 0};
    const bool drips = way_ == Way::drips;
    for (int i = 0; drips && (i < 3 || !closes_) && ::poll(&end, 1, 10) == 0; ++i) peer.send("a");
    if (closes_) peer.finish();
    has_said_.set_value();
  }

  std::string says_;
  bool closes_;
  Way way_;
  std::atomic<bool> has_come_{false};
  std::atomic<bool> was_reused_{false};
  std::promise<void> has_said_;
  Origin origin_;
};

std::string request_of(const std::string& name) {
  if (name == "GET+Upgrade:websocket")
    return "GET / HTTP/1.1\r\nhost: a.test\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
           "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  if (name.starts_with("POST"))
    return "POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 1000000\r\n\r\n";
  return "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n";
}

// As the corpus has it for an upstream that closes or stays as there; for the other way round, what
// follows from it: an answer that would have ended with the connection does not come in time, and one
// that would not have come in time ends with the connection.
std::set<int> statuses_of(const Json& it, bool closes) {
  std::set<int> statuses;
  for (const Json& item : it["expect"]["downstream_status"].items())
    statuses.insert(static_cast<int>(item.number()));
  const bool own_closes = it["upstream_then_closes"].is_true();
  if (own_closes && !closes) statuses.insert(504);
  if (!own_closes && closes && statuses.count(504)) statuses = {502, 503};
  return statuses;
}

Upstream::Way way_of(const std::string& id) {
  if (id == "slow-headers-1Bps") return Upstream::Way::drips;
  if (id == "plaintext-before-tls") return Upstream::Way::speaks_first;
  return Upstream::Way::answers;
}

void check_answer(const Json& it, const Answer& answer, const std::set<int>& statuses) {
  CHECK_MESSAGE(statuses.count(answer.status) == 1, "status ", answer.status);
  const std::string& id = it["id"].text();
  if (id == "te-bad-size" && answer.status == 200) CHECK(!answer.is_whole);
  if (id == "connection-nominate") CHECK(answer.field("set-cookie") == "a=b");
  if (id == "crlf-location") CHECK(answer.field("x").empty());
  for (const char* foreign : {"smuggled", "poison"}) CHECK(answer.body.find(foreign) == std::string::npos);
}

void run(const Json& it, bool closes) {
  const std::string& id = it["id"].text();
  const Upstream::Way way = way_of(id);
  const bool is_tls = way == Upstream::Way::speaks_first;
  const std::set<int> statuses = statuses_of(it, closes);
  Upstream upstream(harness::wire_of(it["upstream_sends"]), closes, way);
  std::string url = upstream.origin().url();
  if (is_tls) url.replace(0, 4, "https");
  TestProxy proxy(config_for(url, is_tls, statuses.count(504) ? "150ms" : "8s"));
  Socket client = Socket::connect(proxy.address());
  client.send(request_of(it["client_request"].text()));
  const Answer answer = client.read_answer();
  check_answer(it, answer, statuses);
  upstream.wait_until_said();
  if (is_tls) return;
  CHECK(harness::get(proxy.address(), "/next").body == "good");
  const bool may_be_reused =
      it["expect"]["upstream_connection_reusable"].is_true() && !closes && answer.status != 502;
  CHECK(upstream.was_reused() == may_be_reused);
  CHECK(upstream.origin().connections() == (may_be_reused ? 1 : 2));
  if (answer.is_whole && !it["client_request"].text().starts_with("POST") &&
      answer.field("connection") != "close") {
    client.send("GET /next HTTP/1.1\r\nhost: a.test\r\n\r\n");
    CHECK(client.read_answer().body == "good");
  }
}

}  // namespace

TEST_CASE("an answer that comes before the request has reaches a client that is still sending") {
  Origin origin([](Socket& peer) {
    if (peer.read_head().empty()) return;
    peer.send("HTTP/1.1 413 Content Too Large\r\ncontent-length: 4\r\n\r\nbig!");
    peer.reset();
  });
  TestProxy proxy(harness::egress_to(origin.url()));
  const std::string body(10 * 1024 * 1024, 'x');
  for (int i = 0; i < 10; ++i) {
    Socket client = Socket::connect(proxy.address());
    client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: " + std::to_string(body.size()) +
                "\r\n\r\n");
    CHECK(client.send(body));
    const harness::Answer answer = client.read_answer();
    CHECK(answer.status == 413);
    CHECK(answer.body == "big!");
    CHECK(answer.field("connection") == "close");
  }
}

TEST_CASE("bad answers become 502, and their connections are not used again") {
  int count = 0;
  for (const Json& it : harness::cases_of("h1_upstream_responses")) {
    CAPTURE(it["id"].text());
    if (it["id"].text() == "unsolicited-idle") continue;
    ++count;
    for (const bool closes : {false, true}) {
      CAPTURE(closes);
      const auto descriptors = harness::open_descriptors();
      try {
        run(it, closes);
      } catch (const Silence&) {
        FAIL_CHECK("neither answered nor closed");
      }
      CHECK(harness::open_descriptors() == descriptors);
    }
  }
  CHECK(count > 25);
}

TEST_CASE("bytes on an idle upstream connection end it, and answer nobody") {
  for (const bool closes : {false, true}) {
    CAPTURE(closes);
    std::promise<void> is_answered;
    std::promise<void> is_poisoned;
    std::atomic<int> count{0};
    std::atomic<bool> was_reused{false};
    Origin origin([&](Socket& peer) {
      const bool is_first = ++count == 1;
      while (!peer.read_head().empty()) {
        peer.send(good);
        if (!is_first) continue;
        is_answered.get_future().wait();
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison");
        if (closes) peer.finish();
        is_poisoned.set_value();
        was_reused = !peer.read_to_end().empty();
        return;
      }
    });
    TestProxy proxy(config_for(origin.url(), false, "8s"));
    CHECK(harness::get(proxy.address(), "/").body == "good");
    is_answered.set_value();
    is_poisoned.get_future().wait();
    CHECK(harness::get(proxy.address(), "/next").body == "good");
    CHECK(origin.connections() == 2);
    CHECK(!was_reused);
  }
}
