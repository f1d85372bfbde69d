#include "proxy/base/log.hpp"
#include "proxy/observe/access_log.hpp"

#include <charconv>
#include <concepts>

namespace observe {
namespace {

constexpr std::size_t longest_field = 8 * 1024;

double millis(base::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

void append_number(std::string& out, double value) {
  char digits[32];
  const auto end =
      std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed, 3);
  out.append(digits, end.ptr);
}

void append_number(std::string& out, std::integral auto value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

// The members of one JSON object, comma by comma.
class Members {
 public:
  explicit Members(std::string& out) : out_(out) {}

  void text(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    key(name);
    out_ += '"';
    base::append_json(out_, value, longest_field);
    out_ += '"';
  }
  template <typename Number> void number(std::string_view name, Number value) {
    key(name);
    append_number(out_, value);
  }
  void key(std::string_view name) {
    if (!is_first_) out_ += ',';
    is_first_ = false;
    out_.append("\"").append(name).append("\":");
  }

 private:
  std::string& out_;
  bool is_first_ = true;
};

void append_times(std::string& out, const http::StreamInfo& info, base::Time ended) {
  out += '{';
  Members times(out);
  times.number("total", millis(ended - info.started));
  const http::Attempt& attempt = info.attempt;
  if (attempt.queued != base::never) times.number("queue", millis(attempt.queue_time));
  if (attempt.connect_time != base::Duration::zero())
    times.number("connect", millis(attempt.connect_time));
  if (info.first_byte != base::never)
    times.number("first_byte", millis(info.first_byte - info.started));
  out += '}';
}

// Without spaces, quotes and control bytes, so that the columns of a line stay what they are.
void append_word(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  if (text.empty()) {
    out += "- ";
    return;
  }
  for (const char c : text.substr(0, longest_field)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte > 0x20 && byte < 0x7f && c != '"' && c != '\\') {
      out += c;
    } else {
      out.append("\\x");
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  out += ' ';
}

}  // namespace

void append_json_line(std::string& out, http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp) {
  out += '{';
  Members line(out);
  line.text("ts", timestamp);
  line.text("listener", info.listener);
  line.text("direction", info.is_outbound ? "outbound" : "inbound");
  line.text("route", info.route);
  line.text("method", record.method);
  line.text("host", record.host);
  line.text("path", record.path);
  line.text("protocol", info.connection.protocol);
  if (info.status != 0) line.number("status", info.status);
  if (info.grpc_status >= 0) line.number("grpc_status", info.grpc_status);
  line.text("reason", base::to_string(info.reason));
  line.number("bytes_in", info.bytes_in);
  line.number("bytes_out", info.bytes_out);
  line.key("ms");
  append_times(out, info, record.ended);
  line.number("attempts", info.attempts);
  line.text("retry_denied", info.retry_denied);
  line.text("cluster", info.cluster);
  line.text("endpoint", info.attempt.endpoint);
  if (info.attempts > 0) {
    line.key("reused");
    out += info.attempt.was_reused ? "true" : "false";
  }
  line.text("request_id", info.request_id());
  line.text("source", info.source.is_unix() ? info.source.to_string() : info.source.ip());
  line.text("peer_id", info.connection.peer_id);
  out += "}\n";
}

// TS LISTENER ROUTE "METHOD HOST PATH" STATUS REASON TOTAL_MS CLUSTER ENDPOINT ATTEMPTS REQUEST_ID
void append_text_line(std::string& out, http::StreamInfo& info, const AccessRecord& record,
                      std::string_view timestamp) {
  append_word(out, timestamp);
  append_word(out, info.listener);
  append_word(out, info.route);
  out += '"';
  append_word(out, record.method);
  append_word(out, record.host);
  append_word(out, record.path);
  out.back() = '"';
  out += ' ';
  if (info.status == 0)
    out += '-';
  else
    append_number(out, info.status);
  out += ' ';
  append_word(out, base::to_string(info.reason));
  append_number(out, millis(record.ended - info.started));
  out += ' ';
  append_word(out, info.cluster);
  append_word(out, info.attempt.endpoint);
  append_number(out, info.attempts);
  out += ' ';
  append_word(out, info.request_id());
  out.back() = '\n';
}

}  // namespace observe
