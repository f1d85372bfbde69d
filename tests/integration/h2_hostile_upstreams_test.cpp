// The floods of tests/corpora/proxy-cases/h2_floods.jsonl that an HTTP/2 upstream can make, and other
// breaches of the protocol by it: the client is told, or served by another connection, and the next
// request is served well.
#include <atomic>
#include <functional>
#include <map>
#include <set>

#include <doctest/doctest.h>

#include "tests/harness/corpus.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Answer;
using harness::H2Peer;
using harness::Origin;
using harness::Silence;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

const h2::Fields ok{{":status", "200"}};
const h2::Fields hint{{":status", "103"}, {"link", "</a>"}};

std::string repeated(int count, const std::function<std::string(int)>& frames) {
  std::string all;
  for (int i = 0; i < count; ++i) all += frames(i);
  return all;
}

// What it says instead of an answer on stream 1.
using Words = std::function<std::string(H2Peer&)>;

struct Breach {
  Words words;
  std::set<int> statuses;      // that the client may be told; a 200 must not look whole,
  bool is_served = false;      // unless another connection serves the request
  bool costs_connection = true;
};

std::string leave_with_nothing(H2Peer&) {
  return h2::frame(h2::goaway, 0, 0, h2::number(0) + h2::number(0)) +
         h2::frame(h2::settings, 0, 0, h2::setting(3, 0));
}

std::string trailers_without_end(H2Peer& peer) {
  return peer.head(1, ok, false) + h2::frame(h2::data, 0, 1, "abc") + peer.head(1, {{"x", "y"}}, false);
}

std::string hints(H2Peer& peer) {
  return repeated(1000, [&peer](int) { return peer.head(1, hint, false); });
}

std::string continuations(H2Peer& peer) {
  return h2::frame(h2::headers, 0, 1, peer.encode(ok)) + repeated(2000, [](int) {
           return h2::frame(h2::continuation, 0, 1, std::string("\x00\x01x\x01y", 5));
         });
}

std::string push(H2Peer& peer) {
  return h2::frame(h2::push_promise, h2::end_headers, 1,
                   h2::number(2) + peer.encode(H2Peer::get("/pushed"))) +
         peer.head(2, ok, true);
}

std::string settings(H2Peer&) {
  return repeated(100'000, [](int) { return h2::frame(h2::settings, 0, 0); });
}

std::string pings(H2Peer&) {
  return repeated(100'000, [](int) { return h2::frame(h2::ping, 0, 0, "12345678"); });
}

std::string empty_data(H2Peer& peer) {
  return peer.head(1, ok, false) + repeated(10'000, [](int) { return h2::frame(h2::data, 0, 1); });
}

std::string large_head(H2Peer& peer) {
  h2::Fields fields = ok;
  for (int i = 0; i < 16000; ++i) fields.emplace_back("x", std::string(3000, 'a'));
  return peer.head(1, fields, true);
}

std::string bad_field(H2Peer& peer) {
  h2::Fields fields = ok;
  fields.emplace_back("x", "a\r\nset-cookie: a=b");
  return peer.head(1, fields, true);
}

std::string longer_than_said(H2Peer& peer) {
  h2::Fields fields = ok;
  fields.emplace_back("content-length", "1");
  return peer.head(1, fields, false) + h2::frame(h2::data, h2::end_stream, 1, "abc");
}

std::string unknown_stream(H2Peer& peer) { return peer.head(99, ok, true); }

const std::map<std::string, Breach> breaches = {
    {"upstream-goaway-settings0", {leave_with_nothing, {200}, true, true}},
    {"upstream-trailers-no-es", {trailers_without_end, {502, 200}, false, false}},
    {"upstream-1xx-flood", {hints, {502}, false, false}},
    {"upstream-continuation", {continuations, {502}}},
    {"upstream-push", {push, {502}}},
    // Not of the corpus:
    {"settings", {settings, {502}}},
    {"pings", {pings, {502}}},
    {"empty data", {empty_data, {502, 200}}},
    {"large head", {large_head, {502}, false, false}},
    {"bad field", {bad_field, {502}, false, false}},
    {"longer than said", {longer_than_said, {502, 200}, false, false}},
    {"unknown stream", {unknown_stream, {502}}},
};

// Its first connection breaks the rules at its first request; every other request is answered well.
class Upstream {
 public:
  explicit Upstream(const Words& words)
      : words_(words), origin_([this](Socket& socket) { serve(std::move(socket)); }) {}
  const Origin& origin() const { return origin_; }

 private:
  void serve(Socket socket) {
    const bool is_first = !has_come_.exchange(true);
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    for (std::uint32_t stream = 1;; stream += 2) {
      while (!peer.messages[stream].is_over())
        if (!peer.read()) return;
      peer.send(is_first && stream == 1 ? words_(peer) : answer(peer, stream));
    }
  }
  static std::string answer(H2Peer& peer, std::uint32_t stream) {
    return peer.head(stream, ok, false) + h2::frame(h2::data, h2::end_stream, stream, "good");
  }

  Words words_;
  std::atomic<bool> has_come_{false};
  Origin origin_;
};

std::string config_for(const Origin& origin) {
  return "version: 1\n"
         "workers: 1\n"
         "access_log: { format: none }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    routes:\n"
         "      - match: { path: /here }\n"
         "        respond: { status: 200 }\n"
         "      - to: app\n"
         "clusters:\n"
         "  app: { url: \"" + origin.url() + "\", protocol: h2 }\n";
}

void run(const Breach& breach) {
  Upstream upstream(breach.words);
  TestProxy proxy(config_for(upstream.origin()));
  const Answer answer = harness::get(proxy.address(), "/");
  CHECK_MESSAGE(breach.statuses.count(answer.status) == 1, "status ", answer.status);
  if (breach.is_served)
    CHECK(answer.body == "good");
  else if (answer.status == 200)
    CHECK(!answer.is_whole);
  CHECK(answer.field("set-cookie").empty());
  CHECK(harness::get(proxy.address(), "/next").body == "good");
  CHECK(harness::get(proxy.address(), "/more").body == "good");
  CHECK(upstream.origin().connections() == (breach.costs_connection ? 2 : 1));
}

}  // namespace

TEST_CASE("an HTTP/2 upstream that breaks the rules is 502, and the next request is served") {
  for (const auto& [id, breach] : breaches) {
    CAPTURE(id);
    const auto descriptors = harness::open_descriptors();
    try {
      run(breach);
    } catch (const Silence&) {
      FAIL_CHECK("neither answered nor closed");
    }
    CHECK(harness::open_descriptors() == descriptors);
  }
}

TEST_CASE("interim responses of an HTTP/2 upstream are counted, however slowly they come") {
  const TestProxy* around = nullptr;
  Origin origin([&around](Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    while (peer.last_stream < 1)
      if (!peer.read()) return;
    // The proxy has passed one on when it serves another request.
    Socket beside = Socket::connect(around->address());
    for (int i = 0; i < 40; ++i) {
      peer.send(peer.head(1, hint, false));
      beside.send("GET /here HTTP/1.1\r\nhost: a.test\r\n\r\n");
      if (beside.read_answer().status != 200) return;
    }
    peer.send(peer.head(1, ok, true));
    peer.wait_for_end();
  });
  TestProxy proxy(config_for(origin));
  around = &proxy;
  CHECK(harness::get(proxy.address(), "/").status == 502);
}

TEST_CASE("an HTTP/2 upstream that turns every connection away is not asked for ever") {
  Origin origin([](Socket& socket) {
    H2Peer peer(std::move(socket));
    if (!peer.accept()) return;
    peer.send(leave_with_nothing(peer));
    peer.wait_for_end();
  });
  TestProxy proxy(config_for(origin));
  const int status = harness::get(proxy.address(), "/").status;
  CHECK_MESSAGE((status == 502 || status == 503), "status ", status);
  // Where it leaves before anything was asked of it, attempts go on with growing pauses for as long as
  // `hold` says, and once more for the repetition on a fresh connection.
  CHECK(origin.connections() <= 20);
}

TEST_CASE("each flood of the corpus that an upstream can make is made") {
  for (const harness::Json& it : harness::cases_of("h2_floods"))
    if (it["id"].text().starts_with("upstream-"))
      CHECK_MESSAGE(breaches.count(it["id"].text()) == 1, it["id"].text());
}
