// Each hostile HTTP/2 request of tests/corpora/proxy-cases against the whole proxy, with an HTTP/1
// upstream behind it: its stream alone suffers (of a flood its connection), and no upstream gets to see
// it whole.
#include <algorithm>
#include <atomic>

#include <doctest/doctest.h>

#include "tests/harness/corpus.hpp"
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::H2Peer;
using harness::Json;
using harness::Origin;
using harness::Silence;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

h2::Fields fields_of(const Json& list) {
  h2::Fields fields;
  for (const Json& item : list.items()) {
    const Json& field = item["repeat"].is_null() ? item : item["repeat"];
    const int count = item["repeat"].is_null() ? 1 : static_cast<int>(item["n"].number());
    for (int i = 0; i < count; ++i)
      fields.emplace_back(harness::wire_of(field.items()[0]), harness::wire_of(field.items()[1]));
  }
  return fields;
}

std::string frames_of(const Json& it, H2Peer& peer, std::uint32_t stream) {
  const bool has_trailers = !it["trailers"].is_null();
  std::string frames =
      peer.head(stream, fields_of(it["headers"]), it["end_stream_on_headers"].is_true());
  if (!it["body"].is_null())
    frames += h2::frame(h2::data, has_trailers ? 0 : h2::end_stream, stream,
                        harness::wire_of(it["body"]));
  if (has_trailers) frames += peer.head(stream, fields_of(it["trailers"]), true);
  return frames;
}

struct Seen {
  std::atomic<int> whole{0};
  std::atomic<int> smuggled{0};

  Origin::Script script() {
    return [this](Socket& peer) {
      for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
        if (!harness::field_of(head, "expect").empty()) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
        bool is_whole = false;
        peer.read_body(head, is_whole);
        if (!is_whole) return;
        if (!head.starts_with("GET /good ")) ++whole;
        if (head.find("smuggled") != head.npos) ++smuggled;
        peer.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      }
    };
  }
};

void check_refused(const h2::Message& message) {
  CHECK_MESSAGE((message.is_reset || message.status == 400), "status ", message.status);
  if (message.is_reset && message.status == 0) CHECK(message.code == 1);
}

bool offers_extended_connect(const H2Peer& peer) {
  return std::find(peer.settings.begin(), peer.settings.end(),
                   std::pair<std::uint16_t, std::uint32_t>{8, 1}) != peer.settings.end();
}

void check_outcome(const Json& it, const H2Peer& peer, const h2::Message& message, int whole) {
  const std::string& id = it["id"].text();
  const std::string& expected = it["expect"].text();
  if (expected == "100 then 200") {
    CHECK(message.interim == std::vector<int>{100});
    CHECK(message.status == 200);
  } else if (id == "ext-connect") {
    CHECK(offers_extended_connect(peer));
    CHECK(message.status == 200);  // the upstream's answer, which opens no tunnel
    CHECK(whole == 1);
  } else if (id == "cookie-crumbs") {
    CHECK((message.status == 200 || message.status == 431));
  } else if (expected.starts_with("RST/431") || expected.starts_with("RST ENHANCE")) {
    CHECK((message.is_reset || message.status == 431 || peer.goaway_code == 11));
    CHECK(whole == 0);
  } else if (id == "pseudo-bad-15" || id == "pseudo-bad-16" || id == "pseudo-bad-22") {
    if (message.status != 200) check_refused(message);
  } else {
    check_refused(message);
    CHECK(whole == 0);
  }
}

// The stream was refused, and the others live: unless a flood ended the connection.
void check_others(H2Peer& peer) {
  if (peer.goaway_code == 11) return peer.wait_for_end();
  CHECK(!peer.has_goaway);
  peer.send(peer.head(3, H2Peer::get("/good"), true));
  CHECK(peer.wait_for(3).status == 200);
}

}  // namespace

TEST_CASE("a hostile request of HTTP/2 costs its stream only, and reaches no upstream") {
  for (const Json& it : harness::cases_of("h2_requests")) {
    CAPTURE(it["id"].text());
    const auto descriptors = harness::open_descriptors();
    Seen seen;
    try {
      Origin origin(seen.script());
      TestProxy proxy(harness::egress_to(origin.url()));
      H2Peer peer(Socket::connect(proxy.address()));
      peer.greet();
      peer.send(frames_of(it, peer, 1));
      const h2::Message message = peer.wait_for(1);
      check_outcome(it, peer, message, seen.whole);
      check_others(peer);
      CHECK(seen.smuggled == 0);
      CHECK(harness::get(proxy.address(), "/good").status == 200);
    } catch (const Silence&) {
      FAIL_CHECK("neither answered nor closed");
    }
    CHECK(harness::open_descriptors() == descriptors);
  }
}
