// What the tests of traces share: a configuration that traces, an app that keeps what it was told, and
// the spans that the collector has in the end. Header only.
#pragma once

#include "tests/harness/collector.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <mutex>
#include <string>
#include <vector>

namespace traces {

using harness::Answer;
using harness::CollectedSpan;
using harness::Collector;
using harness::field_of;
using harness::Origin;
using harness::Socket;
using harness::TestProxy;

inline const std::string trace_id = "0af7651916cd43dd8448eb211c80319c";
inline const std::string caller = "b7ad6b7169203331";
inline const std::string sampled = "00-" + trace_id + "-" + caller + "-01";
inline const std::string unsampled = "00-" + trace_id + "-" + caller + "-00";

inline std::string traced(const std::string& collector, const std::string& cluster,
                          const std::string& more = "sample: 100%",
                          const std::string& listener = "direction: outbound") {
  return "version: 1\nworkers: 1\nnode: { service: shop }\naccess_log: { format: none }\n"
         "admin: { bind: \"127.0.0.1:0\" }\n"
         "trace: { to: \"" + collector + "\", " + more + " }\n"
         "listeners:\n  egress: { bind: 127.0.0.1:0, " + listener +
         ", routes: [{ name: all, to: app }] }\n"
         "clusters:\n  app: { " + cluster + " }\n";
}

inline Answer ask(const base::Address& proxy, const std::string& fields = "",
                  const std::string& path = "/a/b?secret=1") {
  Socket client = Socket::connect(proxy);
  client.send("GET " + path + " HTTP/1.1\r\nhost: shop.test\r\n" + fields + "\r\n");
  return client.read_answer();
}

// So many requests that their spans are a batch, which goes out at once.
inline void fill_batch(const base::Address& proxy) {
  Socket client = Socket::connect(proxy);
  for (int i = 0; i < 256; ++i) {
    client.send("GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n");
    REQUIRE(client.read_answer().status == 200);
  }
}

// Keeps the heads of what it is asked.
class App {
 public:
  explicit App(std::vector<std::string> answers = {})
      : answers_(std::move(answers)), origin_([this](Socket& peer) { serve(peer); }) {}
  std::string cluster() const { return "url: \"" + origin_.url() + "\""; }
  const Origin& origin() const { return origin_; }
  std::vector<std::string> heads() const {
    const std::lock_guard lock(mutex_);
    return heads_;
  }
  std::string last_field(const std::string& name) const { return field_of(heads().back(), name); }

 private:
  void serve(Socket& peer) {
    for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
      std::size_t n = 0;
      {
        const std::lock_guard lock(mutex_);
        n = heads_.size();
        heads_.push_back(head);
      }
      peer.send(n < answers_.size() ? answers_[n]
                                    : "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    }
  }

  const std::vector<std::string> answers_;
  mutable std::mutex mutex_;
  std::vector<std::string> heads_;
  Origin origin_;
};

// All that there is, once the proxy has ended.
inline std::vector<CollectedSpan> drained(TestProxy& proxy, const Collector& collector) {
  proxy.begin_drain();
  proxy.wait_until_ended();
  for (const std::string& problem : collector.problems()) FAIL_CHECK(problem);
  return collector.spans();
}

inline CollectedSpan only(const std::vector<CollectedSpan>& spans, int kind) {
  CollectedSpan found;
  int count = 0;
  for (const CollectedSpan& span : spans)
    if (span.kind == kind && ++count == 1) found = span;
  CHECK(count == 1);
  return found;
}

inline std::string parent_in(const std::string& traceparent) {
  return traceparent.size() == 55 ? traceparent.substr(36, 16) : "";
}

}  // namespace traces
