// A request over HTTP/2 that is refused before it came to be one, or whose stream or connection had
// to be broken off, has its one line in the log, which says why.
#include "tests/harness/h2_frames.hpp"
#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

using harness::H2Peer;
using harness::Json;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;
namespace h2 = harness::h2;

namespace {

h2::Fields post(const std::string& path, const h2::Fields& more) {
  h2::Fields fields = H2Peer::get(path);
  fields[0].second = "POST";
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

// The lines that are left of one client who says this and goes once it was answered.
std::vector<Json> lines_of(const std::function<std::string(H2Peer&)>& words) {
  const std::string log = "/tmp/outrider-h2-log." + std::to_string(getpid());
  Origin origin([](Socket& peer) { peer.read_to_end(); });  // never answers
  auto proxy = std::make_unique<TestProxy>("version: 1\nworkers: 1\naccess_log: { to: " + log +
                                           ", format: json }\nlimits: { header_bytes: 2KiB, "
                                           "trailer_bytes: 1KiB }\nlisteners: { egress: { "
                                           "bind: 127.0.0.1:0, header_timeout: 100ms, routes: [{ "
                                           "to: app }] } }\nclusters: { app: { url: "
                                           "\"" +
                                           origin.url() + "\" } }\n");
  H2Peer client(Socket::connect(proxy->address()));
  client.acks_settings = false;  // within a head that does not end it would be out of place
  client.greet();
  client.send(words(client));
  while (!client.messages[1].is_over() && client.read()) {
  }
  client.socket().close();
  proxy.reset();
  std::vector<Json> lines;
  std::ifstream file(log);
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  ::unlink(log.c_str());
  return lines;
}

}  // namespace

TEST_CASE("h2 log: a refused request has one line with the reason") {
  const struct {
    const char* what;
    const char* reason;
    int status;
    std::function<std::string(H2Peer&)> words;
  } cases[] = {
      {"a name in upper case", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {{"Name", "x"}}), true);
       }},
      {"no path", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, {{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}}, true);
       }},
      {"two hosts", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {{"host", "other.test"}}), true);
       }},
      {"over the limit", "headers_too_large", 431,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {{"a", std::string(3'000, 'a')}}), true);
       }},
      {"far over the limit", "headers_too_large", 431,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {{"a", std::string(9'000, 'a')}}), true);
       }},
      {"more body than declared", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {{"content-length", "1"}}), false) +
                h2::frame(h2::data, 0, 1, "long");
       }},
      {"less body than declared", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {{"content-length", "9"}}), false) +
                h2::frame(h2::data, h2::end_stream, 1, "short");
       }},
      {"trailers over the limit", "headers_too_large", 431,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {}), false) +
                peer.head(1, {{"a", std::string(1'500, 'a')}}, true);
       }},
      {"a pseudo-header field in the trailers", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {}), false) + peer.head(1, {{":path", "/y"}}, true);
       }},
      {"a head that does not end", "request_timeout", 408,
       [](H2Peer& peer) {
         return h2::frame(h2::headers, h2::end_stream, 1, peer.encode(post("/x", {})));
       }},
      {"a head that cannot be unpacked", "bad_request", 400,
       [](H2Peer&) {
         return h2::frame(h2::headers, h2::end_stream | h2::end_headers, 1, "\xff\xff\xff\xff\xff");
       }},
      {"a connection that is broken off meanwhile", "bad_request", 400,
       [](H2Peer& peer) {
         return peer.head(1, post("/x", {}), false) + h2::frame(h2::data, 0, 0, "of no stream");
       }},
  };
  for (const auto& each : cases) {
    CAPTURE(std::string(each.what));
    const std::vector<Json> lines = lines_of(each.words);
    REQUIRE(lines.size() == 1);
    CHECK(lines[0]["reason"].text() == each.reason);
    CHECK(lines[0]["status"].number() == each.status);
    CHECK(lines[0]["protocol"].text() == "h2");
  }
}
