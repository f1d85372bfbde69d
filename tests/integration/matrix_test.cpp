// Each kind of message over each way through the proxy: {HTTP/1, HTTP/2} x {clear, TLS}, on either side.
#include <array>
#include <list>
#include <mutex>

#include <doctest/doctest.h>

#include "tests/harness/peers.hpp"
#include "tests/harness/test_proxy.hpp"

using harness::Ask;
using harness::Client;
using harness::Framing;
using harness::Origin;
using harness::Reply;
using harness::TestProxy;
using harness::Tls;
using harness::Version;

namespace {

constexpr std::size_t big = 3 * 1024 * 1024 + 7;

std::string text_of_size(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

// What comes by `x-size`, `x-framing` and the path; /echo gives back body and trailers.
Reply answer(const Ask& ask) {
  Reply reply;
  reply.status = 200;
  reply.fields = {{"x-method", ask.method}, {"x-got", std::to_string(ask.body.value_or("").size())}};
  if (ask.path.ends_with("/echo")) {
    reply.body = *ask.body;
    reply.trailers = ask.trailers;
    reply.framing = Framing::chunked;
  } else if (ask.path.ends_with("/hint")) {
    reply.interim = {103};
  } else if (ask.path.ends_with("/204")) {
    reply.status = 204;
    reply.fields.emplace_back("content-length", "0");
  } else if (ask.path.ends_with("/304")) {
    reply.status = 304;
    reply.fields.emplace_back("etag", "\"x\"");
  } else if (ask.method == "HEAD") {
    reply.fields.emplace_back("content-length", "12345");
  }
  const std::string size = ask.field("x-size");
  if (!size.empty()) reply.body = text_of_size(std::stoul(size));
  const std::string framing = ask.field("x-framing");
  if (framing == "chunked") reply.framing = Framing::chunked;
  if (framing == "close") reply.framing = Framing::until_close;
  return reply;
}

struct Way {
  Version version;
  bool is_tls;
};
constexpr std::array ways{Way{Version::http1, false}, Way{Version::http1, true},
                          Way{Version::h2, false}, Way{Version::h2, true}};

std::string name_of(const Way& way) {
  return std::string(way.version == Version::h2 ? "h2" : "http1") + (way.is_tls ? "-tls" : "");
}

harness::Protocols alpn_of(Version version) {
  return {version == Version::h2 ? "h2" : "http/1.1"};
}

// An upstream for each way; the proxy's routes name them.
class World {
 public:
  World() {
    std::string routes;
    std::string clusters;
    for (const Way& way : ways) {
      std::optional<Tls> tls;
      if (way.is_tls) tls = Tls::server("good", alpn_of(way.version));
      const Origin& origin = origins_.emplace_back(harness::serving(answer, way.version, tls));
      const std::string name = name_of(way);
      for (const char* own : {"204", "304"})
        routes += "      - { match: { path: /" + name + "/own/" + own + " }, respond: { status: " +
                  own + " } }\n";
      routes += "      - { match: { path: /" + name +
                "/own/200 }, respond: { status: 200, body: here } }\n";
      routes += "      - { match: { path: /" + name + "/* }, to: " + name + " }\n";
      clusters += "  " + name + ":\n    url: \"" + (way.is_tls ? "https://" : "http://") +
                  origin.address().to_string() + "\"\n    protocol: " +
                  (way.version == Version::h2 ? "h2" : "http1") + "\n" +
                  (way.is_tls ? "    tls: { ca: " + harness::certificate_path("ca.pem") + " }\n" : "");
    }
    proxy_.emplace("version: 1\nworkers: 1\naccess_log: { format: none }\n"
                   "admin: { bind: \"127.0.0.1:0\" }\n"
                   "listeners:\n"
                   "  clear:\n    bind: 127.0.0.1:0\n    routes: &routes\n" + routes +
                   "  tls:\n    bind: 127.0.0.1:0\n    tls: { cert: " +
                   harness::certificate_path("good.crt") + ", key: " +
                   harness::certificate_path("good.key") + " }\n    routes: *routes\n" +
                   "clusters:\n" + clusters);
  }

  Client connect(const Way& way) const {
    if (!way.is_tls) return Client(proxy_->address("clear"), way.version, nullptr);
    const Tls tls = Tls::client(alpn_of(way.version));
    return Client(proxy_->address("tls"), way.version, &tls);
  }
  const Origin& origin(const Way& way) const {
    auto it = origins_.begin();
    for (const Way& other : ways) {
      if (other.version == way.version && other.is_tls == way.is_tls) break;
      ++it;
    }
    return *it;
  }

 private:
  std::list<Origin> origins_;
  std::optional<TestProxy> proxy_;
};

// One way through the proxy: a client's connection, and what the paths of the upstream begin with.
struct Passage {
  Client client;
  std::string prefix;
  Way down;
  Way up;

  Reply ask(Ask ask) {
    ask.path = prefix + ask.path;
    if (!ask.trailers.empty() && down.version == Version::http1)
      ask.fields.emplace_back("connection", "te");
    return client.ask(ask);
  }
};

void downloads(Passage& passage) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, big}) {
    for (const char* framing : {"length", "chunked", "close"}) {
      CAPTURE(size);
      CAPTURE(framing);
      const Reply reply = passage.ask(
          {.path = "/get", .fields = {{"x-size", std::to_string(size)}, {"x-framing", framing}}});
      CHECK(reply.status == 200);
      CHECK(reply.is_whole);
      CHECK(reply.body.size() == size);
      CHECK((reply.body == text_of_size(size)));
      if (std::string_view(framing) == "length")
        CHECK(reply.field("content-length") == std::to_string(size));
    }
  }
}

void uploads(Passage& passage) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, big}) {
    for (const Framing framing : {Framing::length, Framing::chunked}) {
      CAPTURE(size);
      CAPTURE(static_cast<int>(framing));
      const std::string body = text_of_size(size);
      const Reply reply =
          passage.ask({.method = "POST", .path = "/echo", .body = body, .framing = framing});
      CHECK(reply.status == 200);
      CHECK(reply.is_whole);
      CHECK(reply.field("x-got") == std::to_string(size));
      CHECK((reply.body == body));
    }
  }
}

void bodiless(Passage& passage) {
  const Reply head = passage.ask({.method = "HEAD", .path = "/get"});
  CHECK(head.status == 200);
  CHECK(head.field("x-method") == "HEAD");
  CHECK(head.field("content-length") == "12345");
  CHECK(head.body.empty());
  CHECK(head.is_whole);
  CHECK(head.field("date").size() == 29);
  for (const std::string path : {"/204", "/304", "/own/204", "/own/304"}) {
    CAPTURE(path);
    const Reply reply = passage.ask({.path = path});
    CHECK(std::to_string(reply.status) == path.substr(path.size() - 3));
    CHECK(reply.is_whole);
    CHECK(reply.body.empty());
    CHECK(reply.field("content-length") == "");
    CHECK(reply.field("date").size() == 29);
    if (path == "/304") CHECK(reply.field("etag") == "\"x\"");
  }
  const Reply own = passage.ask({.method = "HEAD", .path = "/own/200"});
  CHECK(own.field("content-length") == "4");
  CHECK(own.body.empty());
  CHECK(own.is_whole);
  CHECK(own.field("date").size() == 29);
}

void interim_and_trailers(Passage& passage) {
  const Reply hinted = passage.ask({.path = "/hint", .fields = {{"x-size", "5"}}});
  CHECK(hinted.status == 200);
  CHECK((hinted.interim == std::vector<int>{103}));
  CHECK(hinted.body.size() == 5);

  const Reply granted = passage.ask({.method = "PUT", .path = "/echo",
                                     .fields = {{"expect", "100-continue"}}, .body = "asked first",
                                     .waits_for_100 = true});
  CHECK(granted.status == 200);
  CHECK((granted.interim == std::vector<int>{100}));
  CHECK(granted.body == "asked first");

  const Reply trailed = passage.ask({.method = "POST", .path = "/echo",
                                     .fields = {{"te", "trailers"}}, .body = "abc",
                                     .framing = Framing::chunked, .trailers = {{"x-sum", "17"}}});
  CHECK(trailed.status == 200);
  CHECK(trailed.is_whole);
  CHECK(trailed.body == "abc");
  CHECK((trailed.trailers == harness::h2::Fields{{"x-sum", "17"}}));
}

TEST_CASE("every kind of message passes, over every version and with and without TLS") {
  const World world;
  for (const Way& up : ways) {
    for (const Way& down : ways) {
      const std::string passage_name = name_of(down) + " -> " + name_of(up);
      CAPTURE(passage_name);
      try {
        Passage passage{world.connect(down), "/" + name_of(up), down, up};
        downloads(passage);
        uploads(passage);
        bodiless(passage);
        interim_and_trailers(passage);
      } catch (const std::exception& problem) {
        FAIL_CHECK(problem.what());
      }
    }
    // Three answers for each client ended their connection, in HTTP/1.
    const int closed = up.version == Version::http1 ? 3 * 4 : 0;
    CHECK(world.origin(up).connections() == 1 + closed);
  }
}

struct Offer {
  harness::Protocols offered;
  const char* spoken;  // by `protocol: auto`
  int demanded;        // what `protocol: h2` comes to
};

TEST_CASE("ALPN: auto takes what the upstream offers, h2 insists") {
  const std::array offers{Offer{{"h2", "http/1.1"}, "h2", 200}, Offer{{"http/1.1"}, "http1", 502},
                          Offer{{}, "http1", 502}};
  for (const Offer& offer : offers) {
    CAPTURE(offer.spoken);
    Origin origin(harness::serving(answer, Version::http1, Tls::server("good", offer.offered)));
    for (const bool is_auto : {true, false}) {
      const TestProxy proxy(
          "version: 1\naccess_log: { format: none }\nworkers: 1\n"
          "admin: { bind: \"127.0.0.1:0\" }\n"
          "listeners:\n  egress: { bind: 127.0.0.1:0, routes: [{ to: app }] }\n"
          "clusters:\n  app:\n    url: \"https://" + origin.address().to_string() + "\"\n" +
          "    protocol: " + (is_auto ? "auto" : "h2") + "\n" +
          "    tls: { ca: " + harness::certificate_path("ca.pem") + " }\n");
      const harness::Answer answer = harness::get(proxy.address(), "/get");
      CHECK(answer.status == (is_auto ? 200 : offer.demanded));
      if (answer.status == 502)
        CHECK(answer.field("proxy-status").find("details=\"tls_failure\"") != std::string::npos);
      const std::string open = std::string("\"protocol\":\"") + offer.spoken + "\",\"streams\":0";
      if (is_auto) CHECK(proxy.ask("/clusters").body.find(open) != std::string::npos);
    }
  }
}

}  // namespace
