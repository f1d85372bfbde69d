// Filters for what is streamed or told early: heartbeat and early_hints.
#include "filters/event_stream.hpp"
#include "tests/unit/filters/filter_chain.hpp"

#include <string>

namespace {

using namespace filters_test;
using Payload = Upstream::Payload;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* comment = ":\n\n";

Upstream::Answer events(Upstream::Paced::Pieces pieces,
                        Fields headers = {{"content-type", "text/event-stream; charset=utf-8"}}) {
  return {.headers = std::move(headers), .body = Payload::paced, .pieces = std::move(pieces)};
}

TEST_CASE("heartbeat: a comment after each interval of silence, between events") {
  Chain chain("[heartbeat: { interval: 10s }]");
  chain.upstream.answers = {events({{Millis{25'000}, "data: 1\n\n"},
                                    {Millis{9'000}, "data: 2\r\n\r\n"},
                                    {Millis{15'000}, "data: 3\n\n"}})};
  chain.send();
  CHECK(chain.received == ":\n\n:\n\ndata: 1\n\ndata: 2\r\n\r\n:\n\ndata: 3\n\n");
  CHECK(chain.reason == Reason::none);
}

TEST_CASE("heartbeat: not within an event, however long it takes") {
  Chain chain("[heartbeat: { interval: 10s }]");
  chain.upstream.answers = {events({{Millis{0}, "data: first "},
                                    {Millis{35'000}, "half\n"},
                                    {Millis{35'000}, "\n"},
                                    {Millis{15'000}, "data: 2\n\n"}})};
  chain.send();
  CHECK(chain.received == "data: first half\n\n:\n\ndata: 2\n\n");
}

TEST_CASE("heartbeat: behind a comment no byte order mark is left to be taken for text") {
  const std::string mark = "\xef\xbb\xbf";
  const auto received = [](Upstream::Paced::Pieces pieces) {
    Chain chain("[heartbeat: { interval: 10s }]");
    chain.upstream.answers = {events(std::move(pieces))};
    chain.send();
    return chain.received;
  };
  CHECK(received({{Millis{15'000}, mark + "data: 1\n\n"}}) == ":\n\ndata: 1\n\n");
  CHECK(received({{Millis{15'000}, mark.substr(0, 1)},
                  {Millis{1}, mark.substr(1)},
                  {Millis{1}, "data: 1\n\n" + mark}}) == ":\n\ndata: 1\n\n" + mark);
  CHECK(received({{Millis{15'000}, mark}}) == ":\n\n");
  CHECK(received({{Millis{15'000}, "x" + mark + "\n\n"}}) == ":\n\nx" + mark + "\n\n");
  CHECK(received({{Millis{0}, mark + "data: 1\n\n"}, {Millis{15'000}, mark}}) ==
        mark + "data: 1\n\n:\n\n" + mark);
}

TEST_CASE("heartbeat: no idle time ends a stream that it keeps alive") {
  Chain chain("[timeout: { idle: 20s }, heartbeat: { interval: 10s }]");
  chain.upstream.answers = {events({{Millis{60'000}, "data: 1\n\n"}})};
  chain.send();
  CHECK(chain.received.ends_with("data: 1\n\n"));
  CHECK(chain.reason == Reason::none);
}

TEST_CASE("heartbeat: only into whole, plain streams of events") {
  const Fields type = {{"content-type", "text/event-stream"}};
  const auto with = [&type](const char* name, const char* value) {
    Fields fields = type;
    fields.emplace_back(name, value);
    return fields;
  };
  for (const auto& [status, fields] :
       std::vector<std::pair<int, Fields>>{{200, {{"content-type", "text/plain"}}},
                                           {200, {{"content-type", "text/event-streams"}}},
                                           {200, {}},
                                           {200, with("content-encoding", "gzip")},
                                           {200, with("content-length", "9")},
                                           {503, type}}) {
    Chain chain("[heartbeat: { interval: 10s }]");
    chain.upstream.answers = {events({{Millis{60'000}, "data: 1\n\n"}}, fields)};
    chain.upstream.answers.front().status = status;
    chain.send();
    CHECK(chain.received == "data: 1\n\n");
  }
  Chain chain("[heartbeat: { interval: 10s }]");
  chain.upstream.answers = {
      events({{Millis{15'000}, "data: 1\n\n"}}, with("content-encoding", "identity"))};
  chain.send();
  CHECK(chain.received == std::string(comment) + "data: 1\n\n");
}

TEST_CASE("event streams: where one event has ended, whatever ends its lines, however it is cut") {
  const std::pair<const char*, bool> cases[] = {
      {"", true},
      {"\n", true},
      {"data: x\n\n", true},
      {"data: x\r\n\r\n", true},
      {"data: x\r\r", true},
      {":\n\n", true},
      {"data: x", false},
      {"data: x\n", false},
      {"data: x\r\n", false},
      {"data: x\r", false},
      {":\n", false},
      {"a\n\nb", false},
      {"a\n\n\n\n", true},
      {"a\n\r\n", true},
      {"long line of data: 12345\r\n", false},
      {"long line of data: 12345\r\n\r\n", true},
  };
  for (const auto& [text, is_between] : cases) {
    CAPTURE(text);
    const std::string_view all(text);
    for (std::size_t at = 0; at <= all.size(); ++at) {
      filters::EventStreamPosition position;
      position.pass(all.substr(0, at));
      position.pass(all.substr(at));
      CHECK(position.is_between_events() == is_between);
    }
    filters::EventStreamPosition position;
    for (std::size_t at = 0; at < all.size(); ++at) position.pass(all.substr(at, 1));
    CHECK(position.is_between_events() == is_between);
  }
}

Upstream::Answer page(Fields headers, int status = 200) {
  return {.status = status, .headers = std::move(headers)};
}

std::vector<std::string> hinted(Chain& chain, const Fields& headers = {},
                                http::Method method = http::Method::get) {
  chain.send(method, "", headers);
  std::vector<std::string> links;
  for (const auto& [status, head] : chain.interim.heads) {
    CHECK(status == 103);
    for (const http::Headers::Field field : head) {
      CHECK(field.name == "link");
      links.emplace_back(field.value);
    }
  }
  return links;
}

using Links = std::vector<std::string>;
const std::string style = "</a.css>; rel=preload; as=style";
const std::string other = "<https://cdn.test>; rel=preconnect";

TEST_CASE("early hints: the links of a path's last 200 go before its next answer") {
  Chain chain("[early_hints]");
  chain.upstream.answers = {page({{"link", style + ", </b>; rel=next"}, {"link", other}}),
                            page({}, 304), page({{"link", other}}), page({})};
  CHECK(hinted(chain).empty());
  CHECK(hinted(chain) == Links{style, other});
  CHECK(hinted(chain) == Links{style, other});  // a 304 says nothing new
  CHECK(hinted(chain) == Links{other});
  CHECK(hinted(chain).empty());
}

TEST_CASE("early hints: of so many links and paths only") {
  Chain chain("[early_hints: { max_links: 1, max_paths: 1 }]");
  chain.upstream.answers = {page({{"link", style + ", " + other}})};
  CHECK(hinted(chain).empty());
  CHECK(hinted(chain) == Links{style});
  chain.path = "/y";
  CHECK(hinted(chain).empty());
  CHECK(hinted(chain) == Links{style});
  chain.path = "/x";
  CHECK(hinted(chain).empty());
}

TEST_CASE("early hints: the query is no part of a path") {
  Chain chain("[early_hints]");
  chain.upstream.answers = {page({{"link", style}})};
  chain.path = "/x?a=1";
  CHECK(hinted(chain).empty());
  chain.path = "/x?a=2";
  CHECK(hinted(chain) == Links{style});
}

TEST_CASE("early hints: for GET only, and once however often it is tried") {
  Chain chain("[retry: { backoff: { base: 1ms } }, early_hints]");
  chain.upstream.answers = {page({{"link", style}}), page({}, 503), page({{"link", style}})};
  CHECK(hinted(chain).empty());
  CHECK(hinted(chain, {}, http::Method::post).empty());
  CHECK(hinted(chain) == Links{style});
  chain.upstream.answers = {page({}, 503), page({})};
  CHECK(hinted(chain) == Links{style});
  CHECK(chain.attempts == 2);
}

TEST_CASE("early hints: nothing is learned from what was meant for one client") {
  for (const Fields& fields : std::vector<Fields>{{{"cache-control", "max-age=1, Private"}},
                                                  {{"cache-control", "no-store"}},
                                                  {{"set-cookie", "a=b"}}}) {
    Chain chain("[early_hints]");
    Fields all = fields;
    all.emplace_back("link", style);
    chain.upstream.answers = {page(all)};
    CHECK(hinted(chain).empty());
    CHECK(hinted(chain).empty());
  }
  Chain chain("[early_hints]");
  chain.upstream.answers = {page({{"link", style}})};
  CHECK(hinted(chain, {{"authorization", "Bearer x"}}).empty());
  CHECK(hinted(chain).empty());
}

}  // namespace
