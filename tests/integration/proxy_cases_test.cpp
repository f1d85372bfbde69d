// Each hostile request of tests/corpora/proxy-cases against the whole proxy, in one write and cut in
// two: how the client is answered, whether its connection is closed, and what an upstream gets to see.
#include <poll.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

#include <doctest/doctest.h>

#include "proxy/base/ascii.hpp"
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

bool is_slow(const Json& it) { return it["class"].text() == "timeouts"; }

// Nothing of it may reach an upstream, however it is read.
bool must_be_refused(const Json& it) {
  return it["expect"]["max_upstream_requests"].number() == 0 && it["alt"].is_null() && !is_slow(it);
}

struct Seen {
  std::string head;
  std::string body;  // as it came, with chunks and trailers
  bool is_whole = false;
};

// Answers every request with 200 once its body is whole, and keeps all that began. It takes everything
// behind a message for the next one, so that what was smuggled shows.
class Recorder {
 public:
  Origin::Script script() {
    return [this](Socket& peer) {
      for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
        const std::optional<std::size_t> place = begin(head);
        if (!harness::field_of(head, "expect").empty()) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        const Seen seen = rest_of(peer, head);
        if (place) finish(*place, seen);
        if (!seen.is_whole || !peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")) return;
      }
    };
  }
  // Without the good requests that follow each case. Complete once the origin is gone.
  std::vector<Seen> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  static Seen rest_of(Socket& peer, const std::string& head) {
    const bool is_chunked = !harness::field_of(head, "transfer-encoding").empty();
    Seen seen{head, {}, true};
    seen.body = is_chunked ? peer.read_until("\r\n\r\n") : peer.read_body(head, seen.is_whole);
    if (is_chunked) seen.is_whole = seen.body.ends_with("\r\n\r\n");
    return seen;
  }

  std::optional<std::size_t> begin(const std::string& head) {
    if (head.starts_with("GET /good ")) return std::nullopt;
    const std::lock_guard lock(mutex_);
    requests_.push_back({head, {}, false});
    return requests_.size() - 1;
  }

  void finish(std::size_t place, const Seen& seen) {
    const std::lock_guard lock(mutex_);
    requests_[place] = seen;
  }

  std::mutex mutex_;
  std::vector<Seen> requests_;
};

std::string config_for(const Origin& origin, bool is_impatient) {
  return "version: 1\n"
         "workers: 1\n"
         "access_log: { format: none }\n"
         "listeners:\n"
         "  egress:\n"
         "    bind: 127.0.0.1:0\n"
         "    protocols: [http1]\n"
         "    forwarded: { send: x_forwarded }\n" +
         std::string(is_impatient ? "    header_timeout: 100ms\n    body_timeout: 100ms\n" : "") +
         "    routes: [{ to: app }]\n"
         "clusters:\n"
         "  app: { url: \"" + origin.url() + "\" }\n";
}

// --- what an upstream sees ---

int lines_named(const std::string& head, const std::string& name) {
  int count = 0;
  for (std::size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at + 2)) {
    const std::string line = head.substr(at + 2, name.size() + 1);
    count += base::same_ignoring_case(line, name + ":");
  }
  return count;
}

// Whatever is let through is unambiguous and holds nothing of one hop only.
void check_forwarded(const Seen& seen) {
  const std::string& head = seen.head;
  CAPTURE(head);
  CAPTURE(seen.body);
  CHECK(head.find("/smuggled") == head.npos);
  CHECK(lines_named(head, "content-length") + lines_named(head, "transfer-encoding") <= 1);
  CHECK(lines_named(head, "host") == 1);
  for (const char* name : {"keep-alive", "proxy-connection", "http2-settings", "transfer_encoding",
                           "trailer", "proxy-authorization"})
    CHECK_MESSAGE(lines_named(head, name) == 0, name);
  const bool is_websocket = harness::field_of(head, "upgrade") == "websocket";
  CHECK(lines_named(head, "upgrade") == (is_websocket ? 1 : 0));
  if (lines_named(head, "te") > 0) CHECK(harness::field_of(head, "te") == "trailers");
  for (std::size_t at = head.find_first_of("\r\n"); at != head.npos;
       at = head.find_first_of("\r\n", at + 2)) {
    CHECK(head.compare(at, 2, "\r\n") == 0);
    CHECK(head.find_first_of(" \t", at + 2) != at + 2);
  }
  if (lines_named(head, "transfer-encoding") == 0) return;
  CHECK(seen.body.find(';') == seen.body.npos);
  for (const char* name :
       {"content-length", "transfer-encoding", "host", "authorization", "x-forwarded-for", "cookie"})
    CHECK_MESSAGE(lines_named("\r\n" + seen.body, name) == 0, name);
}

// Of the targets that may pass: what they are to look like then.
struct Target {
  const char* line;
  const char* host;
};
const std::map<std::string, Target> targets = {
    {"target-03", {"GET /x HTTP/1.1", "b.test"}},
    {"target-04", {"GET / HTTP/1.1", "a.test"}},
    {"target-06", {"GET /?x=1 HTTP/1.1", "a.test"}},
    {"target-07", {"GET //a.test/x HTTP/1.1", "a.test"}},
    {"target-10", {"GET /%zz HTTP/1.1", "a.test"}},
    {"target-19", {"GET /%2e%2e/x HTTP/1.1", "a.test"}},
    {"target-23", {"GET /a//b HTTP/1.1", "a.test"}},
    {"target-24", {"GET /./a HTTP/1.1", "a.test"}},
    {"target-25", {"GET /a;x=1/b HTTP/1.1", "a.test"}},
    {"target-27", {"GET /%252e%252e/x HTTP/1.1", "a.test"}},
};

void check_upstream(const Json& it, const std::vector<Seen>& all) {
  const std::string& id = it["id"].text();
  const double most = it["expect"]["max_upstream_requests"].number();
  CHECK(static_cast<double>(all.size()) <= (it["alt"].is_null() ? most : 1));
  for (const Seen& seen : all) {
    check_forwarded(seen);
    if (id.starts_with("cl-")) CHECK(harness::field_of(seen.head, "content-length") == "5");
    if (id == "cl-get-body") CHECK(seen.body == "abcde");
    for (const std::string name : {"authorization", "traceparent", "x-forwarded-for"})
      if (id == "conn-strip-" + name) CHECK(lines_named(seen.head, name) == 1);
    if (!id.starts_with("target-")) continue;
    const auto target = targets.find(id);
    REQUIRE_MESSAGE(target != targets.end(), seen.head);
    CHECK(seen.head.substr(0, seen.head.find("\r\n")) == target->second.line);
    CHECK(harness::field_of(seen.head, "host") == target->second.host);
  }
}

// --- what the client sees ---

void check_good(const TestProxy& proxy) {
  CHECK(harness::get(proxy.address(), "/good").status == 200);
}

// One more request on a connection that was left open.
void check_next(Socket& client) {
  client.send("GET /good HTTP/1.1\r\nhost: a.test\r\n\r\n");
  CHECK(client.read_answer().status == 200);
}

// Returns its status.
int check_answer(const Json& it, Socket& client) {
  const Json& expected = it["expect"];
  const Answer answer = client.read_answer();
  const bool is_expected = harness::holds(expected["status"], answer.status);
  CHECK_MESSAGE((is_expected || harness::holds(it["alt"]["status"], answer.status)), "status ",
                answer.status, " body ", answer.body);
  if (expected["close"].is_true() && is_expected) {
    const std::string rest = client.read_to_end();
    CHECK_MESSAGE(rest.find("HTTP/1.1 2") == rest.npos, rest);
    CHECK(rest.empty() == (it["id"].text() != "pipelined-bad"));
  } else if (answer.status == 200 && answer.field("connection") != "close") {
    for (double more = expected["max_upstream_requests"].number(); more > 1; --more)
      CHECK(client.read_answer().status == 200);
    check_next(client);
  }
  return answer.status;
}

// A byte now and then, for as long as nothing is answered.
void drip(Socket& client) {
  pollfd answer{client.descriptor(), POLLIN, 0};
  for (int i = 0; i < 500 && ::poll(&answer, 1, 10) == 0; ++i) client.send("a");
}

// With `cut`, the proxy has read what lies before it when the rest comes: it is a single thread, and
// serves a request of another connection in between.
int run(const Json& it, const TestProxy& proxy, std::size_t cut = 0) {
  CAPTURE(it["id"].text());
  CAPTURE(cut);
  int status = -1;
  try {
    const std::string wire = harness::wire_of(it["send"]);
    Socket client = Socket::connect(proxy.address());
    client.send(std::string_view(wire).substr(0, cut));
    if (cut > 0) check_good(proxy);
    client.send(std::string_view(wire).substr(cut));
    if (it["id"].text() == "slow-header") drip(client);
    status = check_answer(it, client);
    check_good(proxy);
  } catch (const Silence&) {
    FAIL_CHECK("neither answered nor closed");
  }
  return status;
}

// In the first line, around the end of the head, and in what follows.
std::vector<std::size_t> cuts_of(const Json& it) {
  const std::string wire = harness::wire_of(it["send"]);
  const std::size_t end = std::min(wire.find("\r\n\r\n"), wire.size() - 1);
  std::vector<std::size_t> cuts = {wire.size() / 7, end, end + 2, (end + wire.size()) / 2,
                                   wire.size() - 1};
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  std::erase_if(cuts, [&](std::size_t cut) { return cut == 0 || cut >= wire.size(); });
  return cuts;
}

}  // namespace

TEST_CASE("requests that nobody may see are refused, and never reach an upstream") {
  Recorder recorder;
  int count = 0;
  const auto descriptors = harness::open_descriptors();
  {
    Origin origin(recorder.script());
    TestProxy proxy(config_for(origin, false));
    for (const Json& it : harness::cases_of("h1_requests")) {
      if (!must_be_refused(it)) continue;
      ++count;
      run(it, proxy);
      for (const std::size_t cut : cuts_of(it)) run(it, proxy, cut);
    }
  }
  CHECK(count > 80);
  CHECK(harness::open_descriptors() == descriptors);
  for (const Seen& seen : recorder.requests()) FAIL_CHECK(seen.head);
}

TEST_CASE("odd requests are refused or forwarded without ambiguity") {
  for (const Json& it : harness::cases_of("h1_requests")) {
    if (must_be_refused(it)) continue;
    CAPTURE(it["id"].text());
    const auto descriptors = harness::open_descriptors();
    Recorder recorder;
    int status = 0;
    {
      Origin origin(recorder.script());
      TestProxy proxy(config_for(origin, is_slow(it)));
      status = run(it, proxy);
    }
    CHECK(harness::open_descriptors() == descriptors);
    check_upstream(it, recorder.requests());
    if (status >= 400)
      for (const Seen& seen : recorder.requests()) CHECK_MESSAGE(!seen.is_whole, seen.head);
  }
}

TEST_CASE("odd requests that come in two pieces are taken for no more") {
  Recorder recorder;
  {
    Origin origin(recorder.script());
    TestProxy proxy(config_for(origin, false));
    for (const Json& it : harness::cases_of("h1_requests")) {
      if (must_be_refused(it) || is_slow(it)) continue;
      for (const std::size_t cut : cuts_of(it)) run(it, proxy, cut);
    }
  }
  for (const Seen& seen : recorder.requests()) check_forwarded(seen);
}
