#include "tests/harness/collector.hpp"

#include <algorithm>
#include <chrono>

namespace harness {
namespace {

constexpr std::string_view taken =
    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 21\r\n\r\n"
    "{\"partialSuccess\":{}}";

bool is_hex(const std::string& text, std::size_t size) {
  return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos &&
         text.find_first_not_of('0') != text.npos;
}

std::string value_of(const Json& attribute) {
  const Json& value = attribute["value"];
  if (!value["stringValue"].is_null()) return value["stringValue"].text();
  if (!value["intValue"].is_null()) return value["intValue"].text();
  return value["boolValue"].is_true() ? "true" : "false";
}

}  // namespace

Collector::Collector(Answer answer, std::optional<Tls> tls)
    : answer_(std::move(answer)), tls_(std::move(tls)), origin_([this](Socket& peer) {
        serve(peer);
      }) {}

void Collector::serve(Socket& peer) {
  if (tls_ && !peer.secure(*tls_, TlsEnd::Role::server)) return;
  for (std::string head = peer.read_head(); !head.empty(); head = peer.read_head()) {
    bool is_whole = false;
    const std::string body = peer.read_body(head, is_whole);
    int n = 0;
    {
      const std::lock_guard lock(mutex_);
      n = static_cast<int>(heads_.size());
    }
    const std::string answer = answer_ ? answer_(n) : std::string(taken);
    take(head, body, answer.starts_with("HTTP/1.1 2"));
    has_taken_.notify_all();
    if (answer.empty()) return;
    peer.send(answer);
  }
}

void Collector::take(const std::string& head, const std::string& body, bool is_kept) {
  const std::lock_guard lock(mutex_);
  heads_.push_back(head);
  if (field_of(head, "content-type") != "application/json")
    problems_.emplace_back("its content type");
  if (!is_kept) return;
  try {
    const Json request = Json::parse(body);
    for (const Json& resource : request["resourceSpans"].items()) {
      std::string service;
      for (const Json& attribute : resource["resource"]["attributes"].items())
        if (attribute["key"].text() == "service.name") service = value_of(attribute);
      for (const Json& scope : resource["scopeSpans"].items())
        for (const Json& span : scope["spans"].items()) take_span(span, service);
    }
  } catch (const std::runtime_error& problem) {
    problems_.emplace_back(std::string(problem.what()) + ": " + body);
  }
}

void Collector::take_span(const Json& span, const std::string& service) {
  CollectedSpan made;
  made.trace_id = span["traceId"].text();
  made.span_id = span["spanId"].text();
  made.parent_id = span["parentSpanId"].text();
  made.trace_state = span["traceState"].text();
  made.name = span["name"].text();
  made.kind = static_cast<int>(span["kind"].number());
  made.status = static_cast<int>(span["status"]["code"].number());
  made.started = std::stoull(span["startTimeUnixNano"].text());
  made.ended = std::stoull(span["endTimeUnixNano"].text());
  made.service = service;
  for (const Json& attribute : span["attributes"].items())
    if (!made.attributes.emplace(attribute["key"].text(), value_of(attribute)).second)
      problems_.emplace_back("twice " + attribute["key"].text());
  made.error_type = made["error.type"];
  const auto expect = [&](bool holds, const std::string& what) {
    if (!holds) problems_.push_back(what + " of " + made.name);
  };
  expect(is_hex(made.trace_id, 32), "trace id");
  expect(is_hex(made.span_id, 16), "span id");
  expect(made.parent_id.empty() || is_hex(made.parent_id, 16), "parent");
  expect(!made.name.empty(), "name");
  expect(made.kind == 2 || made.kind == 3, "kind");
  expect(made.started > 0 && made.started <= made.ended, "times");
  expect((made.status == 2) == !made.error_type.empty(), "error.type and status");
  expect(!made["http.request.method"].empty(), "method");
  expect(std::none_of(spans_.begin(), spans_.end(),
                      [&](const CollectedSpan& other) { return other.span_id == made.span_id; }),
         "a second of the same id");
  spans_.push_back(std::move(made));
}

std::vector<CollectedSpan> Collector::spans() const {
  const std::lock_guard lock(mutex_);
  return spans_;
}

std::vector<CollectedSpan> Collector::wait_for(std::size_t count) const {
  std::unique_lock lock(mutex_);
  if (!has_taken_.wait_for(lock, std::chrono::seconds{30}, [&] { return spans_.size() >= count; }))
    throw Silence("only " + std::to_string(spans_.size()) + " spans have come");
  return spans_;
}

std::vector<std::string> Collector::heads() const {
  const std::lock_guard lock(mutex_);
  return heads_;
}

std::vector<std::string> Collector::problems() const {
  const std::lock_guard lock(mutex_);
  return problems_;
}

}  // namespace harness
