// The floods of tests/corpora/proxy-cases/h2_floods.jsonl that an HTTP/2 client can make, in sizes that
// a test can afford: the flooded connection ends (or the stream, where that is enough), little of it
// reaches an upstream, and other connections go on. Those of upstreams are in h2_hostile_upstreams.
#include <sys/socket.h>
#include <sys/time.h>

#include <atomic>
#include <functional>
#include <future>
#include <map>

#include <doctest/doctest.h>

#include "tests/harness/corpus.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::H2Peer;
using harness::Origin;
using harness::Silence;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

constexpr std::uint32_t enhance_your_calm = 11;

// A client whose sends give up too, when the proxy neither reads nor closes.
Socket connect(const TestProxy& proxy) {
  Socket socket = Socket::connect(proxy.address());
  const timeval patience{10, 0};
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return socket;
}

using Frames = std::function<std::string(std::uint32_t)>;

// Says frames(0), frames(1)... until the peer is gone.
void repeat(H2Peer& peer, int count, const Frames& frames) {
  std::string batch;
  for (int i = 0; i < count; ++i) {
    batch += frames(static_cast<std::uint32_t>(i));
    if (batch.size() < 8192 && i + 1 < count) continue;
    if (!peer.send(batch)) return;
    batch.clear();
  }
}

h2::Fields post(const h2::Fields& more = {}) {
  h2::Fields fields = {
      {":method", "POST"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// Counts what it is asked; never answers with more than a client lets it.
class Busy {
 public:
  Origin::Script script() {
    return [this](Socket& peer) {
      for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
        if (!head.starts_with("GET /good ")) ++count_;
        if (head.find("smuggled") != head.npos) ++smuggled_;
        bool is_whole = false;
        peer.read_body(head, is_whole);
        if (!is_whole) return;
        if (head.starts_with("GET /big ")) return send_much(peer);
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      }
    };
  }
  int count() const { return count_; }
  int smuggled() const { return smuggled_; }
  std::size_t sent() const { return sent_; }
  bool wait_until_cut() {
    return is_cut_.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  }

 private:
  void send_much(Socket& peer) {
    peer.send("HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n");
    const std::string block(64 * 1024, 'x');
    while (sent_ < 1'000'000'000 && peer.send(block)) sent_ += block.size();
    is_cut_.set_value();
  }

  std::atomic<int> count_{0};
  std::atomic<int> smuggled_{0};
  std::atomic<std::size_t> sent_{0};
  std::promise<void> is_cut_;
};

struct Scene {
  TestProxy& proxy;
  Busy& busy;
};

// --- floods that end their connection ---

using Attack = std::function<void(H2Peer&)>;

Attack of_streams(std::function<std::string(H2Peer&, std::uint32_t)> frames) {
  return [frames](H2Peer& peer) {
    repeat(peer, 5000, [&](std::uint32_t i) { return frames(peer, 2 * i + 1); });
  };
}

Attack of_frames(int count, const Frames& frames) {
  return [count, frames](H2Peer& peer) { repeat(peer, count, frames); };
}

void continue_endlessly(H2Peer& peer) {
  peer.send(h2::frame(h2::headers, h2::end_stream, 1, peer.encode(H2Peer::get("/"))));
  repeat(peer, 2000, [](std::uint32_t) {
    return h2::frame(h2::continuation, 0, 1, std::string("\x00\x01x\x01y", 5));
  });
}

void send_empty_data(H2Peer& peer) {
  peer.send(peer.head(1, post(), false));
  repeat(peer, 100'000, [](std::uint32_t) { return h2::frame(h2::data, 0, 1); });
}

// Frames that hold nothing but the length of their padding.
void send_padding(H2Peer& peer) {
  constexpr std::uint8_t padded = 8;
  peer.send(peer.head(1, post(), false));
  repeat(peer, 100'000,
         [](std::uint32_t) { return h2::frame(h2::data, padded, 1, std::string_view("\0", 1)); });
}

void update_closed_stream(H2Peer& peer) {
  peer.send(peer.head(1, H2Peer::get("/"), true));
  if (!peer.wait_for(1).has_ended) return;
  repeat(peer, 100'000, [](std::uint32_t) { return h2::frame(h2::window_update, 0, 1, h2::number(1)); });
}

void send_many_settings(H2Peer& peer) {
  std::string entries;
  for (int i = 0; i < 2000; ++i) entries += h2::setting(4, 65535);
  repeat(peer, 100, [&](std::uint32_t) { return h2::frame(h2::settings, 0, 0, entries); });
}

// Takes a large answer byte by byte.
void dribble(H2Peer& peer) {
  peer.send(h2::frame(h2::settings, 0, 0, h2::setting(4, 0)) +
            peer.head(1, H2Peer::get("/big"), true));
  while (peer.messages[1].status == 0)
    if (!peer.read()) return;
  for (std::size_t i = 1; i < 5000; ++i) {
    if (!peer.send(h2::frame(h2::window_update, 0, 1, h2::number(1)))) return;
    while (peer.messages[1].body.size() < i)
      if (!peer.read()) return;
  }
}

const std::map<std::string, Attack> floods = {
    {"rapid-reset", of_streams([](H2Peer& peer, std::uint32_t id) {
       return peer.head(id, H2Peer::get("/"), true) + h2::frame(h2::rst_stream, 0, id, h2::number(8));
     })},
    {"made-you-reset-window", of_streams([](H2Peer& peer, std::uint32_t id) {
       return peer.head(id, H2Peer::get("/"), true) +
              h2::frame(h2::window_update, 0, id, h2::number(0x7fffffff));
     })},
    {"made-you-reset-cl", of_streams([](H2Peer& peer, std::uint32_t id) {
       return peer.head(id, post({{"content-length", "1"}}), false) +
              h2::frame(h2::data, h2::end_stream, id, "xx");
     })},
    {"made-you-reset-badhdr", of_streams([](H2Peer& peer, std::uint32_t id) {
       return peer.head(id, post({{"x", "a\nb"}}), true);
     })},
    {"continuation-flood", continue_endlessly},
    {"settings-flood", of_frames(100'000, [](std::uint32_t) { return h2::frame(h2::settings, 0, 0); })},
    {"settings-entries", send_many_settings},
    {"window-update-flood", of_frames(200'000,
                                      [](std::uint32_t) {
                                        return h2::frame(h2::window_update, 0, 0, h2::number(1));
                                      })},
    {"empty-data-flood", send_empty_data},
    {"data-dribble", dribble},
    {"goaway-spam", of_frames(10'000,
                              [](std::uint32_t) {
                                return h2::frame(h2::goaway, 0, 0, h2::number(0) + h2::number(0));
                              })},
    {"header-table-size-thrash", of_frames(100'000,
                                           [](std::uint32_t i) {
                                             const std::uint32_t sizes[] = {0, 4096, 65536, 0xffffffff};
                                             return h2::frame(h2::settings, 0, 0,
                                                              h2::setting(1, sizes[i % 4]));
                                           })},
    // Not of the corpus:
    {"padding", send_padding},
    {"windows of a closed stream", update_closed_stream},
    {"ping", of_frames(100'000, [](std::uint32_t) { return h2::frame(h2::ping, 0, 0, "12345678"); })},
    {"priority", of_frames(100'000,
                           [](std::uint32_t i) {
                             return h2::frame(h2::priority, 0, 2 * i + 1, std::string("\0\0\0\0\1", 5));
                           })},
};

void check_ends(const Scene& scene, const Attack& attack) {
  H2Peer other(connect(scene.proxy));
  other.greet();
  H2Peer peer(connect(scene.proxy));
  peer.gives_windows = false;
  peer.greet();
  attack(peer);
  peer.wait_for_end();
  if (peer.has_goaway) CHECK(peer.goaway_code != 0);
  CHECK(scene.busy.count() <= 300);
  other.send(other.head(1, H2Peer::get("/good"), true));
  CHECK(other.wait_for(1).status == 200);
  CHECK(scene.proxy.ask("/live").status == 200);
}

// --- header sections that grow: the stream is refused, or the connection ends ---

using Section = std::function<std::string(H2Peer&)>;

std::string hpack_bomb(H2Peer& peer) {
  h2::Fields fields = H2Peer::get("/");
  for (int i = 0; i < 16000; ++i) fields.emplace_back("x", std::string(3000, 'a'));
  return peer.head(1, fields, true);
}

std::string empty_names(H2Peer& peer) {
  h2::Fields fields = H2Peer::get("/");
  for (int i = 0; i < 20000; ++i) fields.emplace_back("", "");
  return peer.head(1, fields, true);
}

std::string many_trailers(H2Peer& peer) {
  h2::Fields fields;
  for (int i = 0; i < 1000; ++i) fields.emplace_back("x", "y");
  return peer.head(1, post(), false) + h2::frame(h2::data, 0, 1, "abc") + peer.head(1, fields, true);
}

const std::map<std::string, Section> sections = {
    {"hpack-bomb", hpack_bomb}, {"zero-len-header", empty_names}, {"trailers-flood", many_trailers}};

void check_section(const Scene& scene, const Section& frames) {
  H2Peer peer(connect(scene.proxy));
  peer.greet();
  peer.send(frames(peer));
  const h2::Message message = peer.wait_for(1);
  CHECK_MESSAGE((message.status == 431 || message.is_reset || peer.goaway_code == enhance_your_calm),
                "status ", message.status);
  CHECK(message.status != 200);
}

// --- the others ---

// Wide windows, and a receive window of TCP that closes: what is made for the client stays small.
void take_nothing(const Scene& scene) {
  H2Peer peer(connect(scene.proxy));
  peer.gives_windows = false;
  peer.send(std::string(h2::preface) + h2::frame(h2::settings, 0, 0, h2::setting(4, 0x7fffffff)) +
            h2::frame(h2::window_update, 0, 0, h2::number(0x7fff0000 - 65535)));
  peer.send(peer.head(1, H2Peer::get("/big"), true));
  CHECK(scene.busy.wait_until_cut());
  CHECK(scene.busy.sent() < 64 * 1024 * 1024);
  peer.wait_for_end();
  CHECK(!peer.messages[1].has_ended);
}

// Tunnels are not offered: what would have gone through is neither forwarded nor a request.
void ask_for_tunnel(const Scene& scene) {
  const std::string inner = "GET /smuggled HTTP/1.1\r\nhost: a.test\r\n\r\n";
  H2Peer peer(connect(scene.proxy));
  peer.greet();
  peer.send(peer.head(1, {{":method", "CONNECT"}, {":authority", "b.test:443"}}, false) +
            h2::frame(h2::data, 0, 1, inner));
  CHECK(peer.wait_for(1).status == 405);
  Socket http1 = connect(scene.proxy);
  http1.send("CONNECT b.test:443 HTTP/1.1\r\nhost: b.test:443\r\n\r\n" + inner);
  CHECK(http1.read_answer().status == 405);
  CHECK(http1.read_to_end().empty());
  CHECK(scene.busy.count() == 0);
}

const std::map<std::string, std::function<void(const Scene&)>> others = {
    {"internal-buffering", take_nothing}, {"connect-body-pool", ask_for_tunnel}};

// Each has a proxy of its own.
void run(const std::function<void(const Scene&)>& attack) {
  Busy busy;
  Origin origin(busy.script());
  TestProxy proxy(
      "version: 1\n"
      "access_log: { format: none }\n"
      "admin: { bind: \"127.0.0.1:0\" }\n"
      "listeners:\n"
      "  egress: { bind: 127.0.0.1:0, send_timeout: 300ms, routes: [{ to: app }] }\n"
      "clusters:\n"
      "  app: { url: \"" + origin.url() + "\" }\n");
  try {
    attack({proxy, busy});
    CHECK(harness::get(proxy.address(), "/good").status == 200);
    CHECK(busy.smuggled() == 0);
  } catch (const Silence&) {
    FAIL_CHECK("the connection was left open");
  }
}

void with_proxy(const std::string& id, const std::function<void(const Scene&)>& attack) {
  CAPTURE(id);
  const auto descriptors = harness::open_descriptors();
  run(attack);
  CHECK(harness::open_descriptors() == descriptors);
}

}  // namespace

TEST_CASE("floods end their connection, and little of them reaches an upstream") {
  for (const auto& [id, attack] : floods)
    with_proxy(id, [&](const Scene& scene) { check_ends(scene, attack); });
}

TEST_CASE("header sections that grow are refused, in the head and behind the body") {
  for (const auto& [id, frames] : sections)
    with_proxy(id, [&](const Scene& scene) { check_section(scene, frames); });
}

TEST_CASE("a client that takes nothing is cut off, and no tunnel opens") {
  for (const auto& [id, attack] : others) with_proxy(id, attack);
}

TEST_CASE("a few sizes of the header table are no flood") {
  with_proxy("few sizes", [](const Scene& scene) {
    H2Peer peer(connect(scene.proxy));
    peer.greet();
    for (const std::uint32_t size : {0u, 4096u, 65536u, 0xffffffffu, 4096u})
      peer.send(h2::frame(h2::settings, 0, 0, h2::setting(1, size)));
    peer.send(peer.head(1, H2Peer::get("/"), true));
    CHECK(peer.wait_for(1).body == "ok");
  });
}

TEST_CASE("each flood of the corpus that a client can make is made") {
  for (const harness::Json& it : harness::cases_of("h2_floods")) {
    const std::string& id = it["id"].text();
    if (id.starts_with("upstream-")) continue;
    CHECK_MESSAGE(floods.count(id) + sections.count(id) + others.count(id) == 1, id);
  }
}
