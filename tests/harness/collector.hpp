// A collector of spans that takes OTLP in JSON over HTTP and is strict about it: keeps all spans,
// and what was wrong with them.
//
//   harness::Collector collector;
//   ... `trace: { to: "` + collector.url() + `", sample: 100% }`
#pragma once

#include "tests/harness/json.hpp"
#include "tests/harness/origin.hpp"

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace harness {

struct CollectedSpan {
  std::string trace_id, span_id, parent_id, name, trace_state, service, error_type;
  int kind = 0;  // 2 = server, 3 = client
  int status = 0;
  std::uint64_t started = 0, ended = 0;
  std::map<std::string, std::string> attributes;

  std::string operator[](const std::string& key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? std::string() : found->second;
  }
};

class Collector {
 public:
  // What it does with the n-th request, from 0: its answer's status line, fields and body, as bytes.
  using Answer = std::function<std::string(int n)>;

  explicit Collector(Answer answer = nullptr, std::optional<Tls> tls = std::nullopt);

  const base::Address& address() const { return origin_.address(); }
  std::string url() const { return origin_.url() + "/v1/traces"; }

  std::vector<CollectedSpan> spans() const;
  // Until so many have come; throws Silence.
  std::vector<CollectedSpan> wait_for(std::size_t count) const;
  std::vector<std::string> heads() const;     // of the requests
  std::vector<std::string> problems() const;  // with what they say

 private:
  void serve(Socket& peer);
  void take(const std::string& head, const std::string& body, bool is_kept);
  void take_span(const Json& span, const std::string& service);

  const Answer answer_;
  const std::optional<Tls> tls_;
  mutable std::mutex mutex_;
  mutable std::condition_variable has_taken_;
  std::vector<CollectedSpan> spans_;
  std::vector<std::string> heads_, problems_;
  Origin origin_;
};

}  // namespace harness
