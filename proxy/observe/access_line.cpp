// One line of the access log. Every request pays for it: the room that the line may need is made at
// once, and what follows is copied there without looking back.
#include "proxy/base/json.hpp"
#include "proxy/observe/access_log.hpp"

#include <charconv>
#include <concepts>
#include <cstring>

namespace observe {
namespace {

constexpr std::size_t fixed_room = 1024;  // for names, numbers and times

class Line {
 public:
  // out: where the line is appended. fields: bytes of all texts together.
  Line(std::string& out, std::size_t fields) : out_(out), size_(out.size()) {
    out_.resize(size_ + fixed_room + fields * base::longest_escape);
    at_ = out_.data() + size_;
  }
  ~Line() { out_.resize(static_cast<std::size_t>(at_ - out_.data())); }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  template <std::size_t size> void literal(const char (&text)[size]) {
    std::memcpy(at_, text, size - 1);
    at_ += size - 1;
  }
  void plain(std::string_view text) {
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void json(std::string_view text) { at_ = base::escape_json(at_, text.substr(0, longest_field)); }
  void number(std::integral auto value) { at_ = std::to_chars(at_, at_ + 24, value).ptr; }
  // Milliseconds with three decimals.
  void millis(base::Duration duration) {
    const auto micros = std::max<std::int64_t>(0, duration / std::chrono::microseconds{1});
    number(micros / 1000);
    auto rest = static_cast<int>(micros % 1000);
    at_[0] = '.';
    for (int i = 3; i > 0; --i, rest /= 10) at_[i] = static_cast<char>('0' + rest % 10);
    at_ += 4;
  }
  // Without spaces, quotes and control bytes, so that the columns of a line stay what they are.
  void word(std::string_view text);
  void back() { --at_; }

 private:
  std::string& out_;
  const std::size_t size_;
  char* at_;
};

void Line::word(std::string_view text) {
  constexpr char hex[] = "0123456789abcdef";
  if (text.empty()) return literal("- ");
  for (const char c : text.substr(0, longest_field)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      *at_++ = c;
      continue;
    }
    literal("\\x");
    *at_++ = hex[byte >> 4];
    *at_++ = hex[byte & 15];
  }
  *at_++ = ' ';
}

std::size_t size_of(const http::StreamInfo& info, const AccessRecord& record,
                    std::string_view source) {
  return record.method.size() + record.host.size() + record.path.size() + info.listener.size() +
         info.route.size() + info.cluster.size() + info.attempt.endpoint.size() +
         info.connection.peer_id.size() + info.kept_request_id.size() +
         info.operation.size() + source.size();
}

// A member with a text, unless there is none. `key` has its comma, quotes and colon.
template <std::size_t size> void text(Line& line, const char (&key)[size], std::string_view value) {
  if (value.empty()) return;
  line.literal(key);
  line.literal("\"");
  line.json(value);
  line.literal("\"");
}

template <std::size_t size> void time(Line& line, const char (&key)[size], base::Duration value) {
  line.literal(key);
  line.millis(value);
}

template <std::size_t size>
void number(Line& line, const char (&key)[size], std::integral auto value) {
  line.literal(key);
  line.number(value);
}

void times(Line& line, const http::StreamInfo& info, base::Time ended) {
  time(line, ",\"ms\":{\"total\":", ended - info.started);
  const http::Attempt& attempt = info.attempt;
  if (attempt.queued != base::never) time(line, ",\"queue\":", attempt.queue_time);
  if (attempt.connect_time != base::Duration::zero())
    time(line, ",\"connect\":", attempt.connect_time);
  if (info.first_byte != base::never)
    time(line, ",\"first_byte\":", info.first_byte - info.started);
  line.literal("}");
}

}  // namespace

void append_json_line(std::string& out, const http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp, std::string_view source) {
  http::StreamInfo::MadeId made;
  Line line(out, size_of(info, record, source));
  line.literal("{\"ts\":\"");
  line.plain(timestamp);
  line.literal("\"");
  text(line, ",\"listener\":", info.listener);
  if (info.is_outbound)
    line.literal(",\"direction\":\"outbound\"");
  else
    line.literal(",\"direction\":\"inbound\"");
  text(line, ",\"route\":", info.route);
  text(line, ",\"method\":", record.method);
  text(line, ",\"host\":", record.host);
  text(line, ",\"path\":", record.path);
  text(line, ",\"operation\":", info.operation);
  text(line, ",\"protocol\":", info.connection.protocol);
  if (info.status != 0) number(line, ",\"status\":", info.status);
  if (info.grpc_status >= 0) number(line, ",\"grpc_status\":", info.grpc_status);
  text(line, ",\"reason\":", base::to_string(info.reason));
  number(line, ",\"bytes_in\":", info.bytes_in);
  number(line, ",\"bytes_out\":", info.bytes_out);
  times(line, info, record.ended);
  number(line, ",\"attempts\":", info.attempts);
  text(line, ",\"retry_denied\":", info.retry_denied);
  text(line, ",\"cluster\":", info.cluster);
  text(line, ",\"endpoint\":", info.attempt.endpoint);
  if (info.attempts > 0 && info.attempt.was_reused) line.literal(",\"reused\":true");
  if (info.attempts > 0 && !info.attempt.was_reused) line.literal(",\"reused\":false");
  text(line, ",\"request_id\":", info.last_request_id(made));
  if (!info.trace.id.is_none()) {
    line.literal(",\"trace_id\":\"");
    line.plain(http::view(http::text_of(info.trace.id)));
    line.literal("\"");
  }
  text(line, ",\"source\":", source);
  text(line, ",\"peer_id\":", info.connection.peer_id);
  line.literal("}\n");
}

// TS LISTENER ROUTE "METHOD HOST PATH" STATUS REASON TOTAL_MS CLUSTER ENDPOINT ATTEMPTS REQUEST_ID
void append_text_line(std::string& out, const http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp) {
  http::StreamInfo::MadeId made;
  Line line(out, size_of(info, record, {}));
  line.word(timestamp);
  line.word(info.listener);
  line.word(info.route);
  line.literal("\"");
  line.word(record.method);
  line.word(record.host);
  line.word(record.path);
  line.back();
  line.literal("\" ");
  if (info.status == 0)
    line.literal("-");
  else
    line.number(info.status);
  line.literal(" ");
  line.word(base::to_string(info.reason));
  line.millis(record.ended - info.started);
  line.literal(" ");
  line.word(info.cluster);
  line.word(info.attempt.endpoint);
  line.number(info.attempts);
  line.literal(" ");
  line.word(info.last_request_id(made));
  line.back();
  line.literal("\n");
}

}  // namespace observe
