#include "tests/harness/peers.hpp"

#include <algorithm>
#include <cstdlib>

#include "proxy/base/ascii.hpp"

namespace harness {
namespace {

std::string value_of(const h2::Fields& fields, std::string_view name) {
  for (const auto& [n, value] : fields)
    if (base::same_ignoring_case(n, name)) return value;
  return {};
}

// --- HTTP/1 ---

h2::Fields fields_of(std::string_view lines) {
  h2::Fields fields;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    const std::size_t colon = line.find(':');
    if (colon == line.npos) continue;
    fields.emplace_back(line.substr(0, colon), base::trim(line.substr(colon + 1)));
  }
  return fields;
}

std::string text_of(const h2::Fields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text.append(name).append(": ").append(value).append("\r\n");
  return text;
}

std::string framing_of(Framing framing, std::size_t size) {
  if (framing == Framing::chunked) return "transfer-encoding: chunked\r\n";
  if (framing == Framing::until_close) return "connection: close\r\n";
  return "content-length: " + std::to_string(size) + "\r\n";
}

constexpr std::size_t chunk_size = 60'000;

std::string framed(Framing framing, const std::string& body, const h2::Fields& trailers) {
  if (framing != Framing::chunked) return body;
  std::string text;
  for (std::size_t at = 0; at < body.size(); at += chunk_size) {
    const std::string chunk = body.substr(at, chunk_size);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", chunk.size());
    text.append(size).append(chunk).append("\r\n");
  }
  return text.append("0\r\n").append(text_of(trailers)).append("\r\n");
}

void serve_http1(Socket& peer, const Handler& handler) {
  for (;;) {
    const std::string head = peer.read_head();
    if (head.empty()) return;
    Ask ask;
    const std::size_t space = head.find(' ');
    ask.method = head.substr(0, space);
    ask.path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    ask.fields = fields_of(std::string_view(head).substr(head.find("\r\n") + 2));
    if (!ask.field("expect").empty()) peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    bool is_whole = false;
    ask.body = peer.read_body(head, is_whole);
    ask.trailers = fields_of(peer.trailers());
    if (!is_whole) return;
    const Reply reply = handler(ask);
    std::string text;
    for (const int status : reply.interim)
      text.append("HTTP/1.1 ").append(std::to_string(status)).append(" Hint\r\nlink: </x>\r\n\r\n");
    text.append("HTTP/1.1 ").append(std::to_string(reply.status)).append(" Said\r\n");
    text.append(text_of(reply.fields));
    const bool has_body = ask.method != "HEAD" && reply.status != 204 && reply.status != 304;
    if (has_body) text.append(framing_of(reply.framing, reply.body.size()));
    text.append("\r\n");
    if (has_body) text.append(framed(reply.framing, reply.body, reply.trailers));
    if (!peer.send(text) || (has_body && reply.framing == Framing::until_close)) return;
  }
}

// --- HTTP/2 ---

constexpr std::size_t frame_size = 16384;
constexpr std::uint64_t first_window = 65535;

// Sends a body as the other end's windows allow, reading meanwhile.
class Sender {
 public:
  Sender(H2Peer& peer, std::uint32_t stream, std::uint64_t& sent)
      : peer_(peer), stream_(stream), connection_sent_(sent) {}

  bool send(const std::string& body, bool ends) {
    std::size_t at = 0;
    do {
      const std::size_t size = std::min({body.size() - at, frame_size, room()});
      if (size == 0 && !body.empty()) {
        if (peer_.messages[stream_].is_reset || !peer_.read()) return false;
        continue;
      }
      const bool is_last = ends && at + size == body.size();
      if (!peer_.send(h2::frame(h2::data, is_last ? h2::end_stream : 0, stream_,
                                body.substr(at, size))))
        return false;
      at += size;
      stream_sent_ += size;
      connection_sent_ += size;
    } while (at < body.size());
    return true;
  }

 private:
  std::size_t room() const {
    std::uint64_t of_stream = first_window;
    for (const auto& [id, value] : peer_.settings)
      if (id == 4) of_stream = value;
    const auto given = peer_.stream_credit.find(stream_);
    if (given != peer_.stream_credit.end()) of_stream += given->second;
    return std::min(of_stream - stream_sent_, first_window + peer_.credit - connection_sent_);
  }

  H2Peer& peer_;
  std::uint32_t stream_;
  std::uint64_t stream_sent_ = 0;
  std::uint64_t& connection_sent_;
};

bool send_message(H2Peer& peer, std::uint32_t stream, h2::Fields head, const std::string& body,
                  const h2::Fields& trailers, std::uint64_t& sent) {
  const bool ends = body.empty() && trailers.empty();
  if (!peer.send(peer.head(stream, head, ends))) return false;
  if (!body.empty() && !Sender(peer, stream, sent).send(body, trailers.empty())) return false;
  return trailers.empty() || peer.send(peer.head(stream, trailers, true));
}

Ask ask_of(const h2::Message& message) {
  Ask ask;
  ask.method = message.field(":method");
  ask.path = message.field(":path");
  ask.fields = message.fields;
  ask.body = message.body;
  ask.trailers = message.trailers;
  return ask;
}

void serve_h2(Socket& socket, const Handler& handler) {
  H2Peer peer(std::move(socket));
  std::uint64_t sent = 0;
  if (!peer.accept()) return;
  for (std::uint32_t stream = 1;; stream += 2) {
    while (peer.last_stream < stream)
      if (!peer.read()) return;
    if (!peer.messages[stream].field("expect").empty())
      peer.send(peer.head(stream, {{":status", "100"}}, false));
    if (!peer.wait_for(stream).has_ended) continue;
    const Ask ask = ask_of(peer.messages[stream]);
    const Reply reply = handler(ask);
    for (const int status : reply.interim)
      peer.send(peer.head(stream, {{":status", std::to_string(status)}, {"link", "</x>"}}, false));
    h2::Fields head{{":status", std::to_string(reply.status)}};
    head.insert(head.end(), reply.fields.begin(), reply.fields.end());
    const bool has_body = ask.method != "HEAD" && reply.status != 204 && reply.status != 304;
    if (has_body && reply.framing == Framing::length)
      head.emplace_back("content-length", std::to_string(reply.body.size()));
    const std::string body = has_body ? reply.body : std::string();
    if (!send_message(peer, stream, head, body, reply.trailers, sent)) return;
    peer.messages.erase(stream);
  }
}

}  // namespace

std::string Ask::field(std::string_view name) const { return value_of(fields, name); }
std::string Reply::field(std::string_view name) const { return value_of(fields, name); }

Client::Client(const base::Address& address, Version version, const Tls* tls)
    : socket_(Socket::connect(address)) {
  if (tls && !socket_.secure(*tls, TlsEnd::Role::client))
    throw std::runtime_error("no TLS with the proxy");
  if (version == Version::http1) return;
  h2_ = std::make_unique<H2Peer>(std::move(socket_));
  h2_->greet();
}

Reply Client::ask(const Ask& ask) { return h2_ ? ask_h2(ask) : ask_http1(ask); }

Reply Client::ask_http1(const Ask& ask) {
  std::string text = ask.method + ' ' + ask.path + " HTTP/1.1\r\nhost: app.test\r\n";
  text += text_of(ask.fields);
  if (ask.body) text += framing_of(ask.framing, ask.body->size());
  text += "\r\n";
  Reply reply;
  if (ask.body && !ask.waits_for_100) text += framed(ask.framing, *ask.body, ask.trailers);
  socket_.send(text);
  std::string head;
  for (;;) {
    head = socket_.read_head();
    if (head.size() < 12) return reply;
    reply.status = std::atoi(head.c_str() + 9);
    if (reply.status >= 200) break;
    reply.interim.push_back(reply.status);
    if (reply.status == 100 && ask.waits_for_100)
      socket_.send(framed(ask.framing, *ask.body, ask.trailers));
  }
  reply.fields = fields_of(std::string_view(head).substr(head.find("\r\n") + 2));
  reply.is_whole = true;
  if (ask.method != "HEAD" && reply.status != 204 && reply.status != 304)
    reply.body = socket_.read_body(head, reply.is_whole);
  if (!reply.field("transfer-encoding").empty()) reply.trailers = fields_of(socket_.trailers());
  return reply;
}

Reply Client::ask_h2(const Ask& ask) {
  const std::uint32_t stream = next_stream_;
  next_stream_ += 2;
  h2::Fields head{{":method", ask.method}, {":scheme", "http"}, {":authority", "app.test"},
                  {":path", ask.path}};
  head.insert(head.end(), ask.fields.begin(), ask.fields.end());
  if (ask.body && ask.framing == Framing::length)
    head.emplace_back("content-length", std::to_string(ask.body->size()));
  const std::string body = ask.body.value_or("");
  h2_->send(h2_->head(stream, head, body.empty() && ask.trailers.empty()));
  if (ask.waits_for_100)
    while (h2_->messages[stream].interim.empty() && h2_->read()) {
    }
  if (!body.empty()) Sender(*h2_, stream, sent_).send(body, ask.trailers.empty());
  if (!ask.trailers.empty()) h2_->send(h2_->head(stream, ask.trailers, true));
  const h2::Message message = h2_->wait_for(stream);
  h2_->messages.erase(stream);
  Reply reply;
  reply.status = message.status;
  reply.fields = message.fields;
  reply.body = message.body;
  reply.trailers = message.trailers;
  reply.interim = message.interim;
  reply.is_whole = message.has_ended;
  return reply;
}

Origin::Script serving(Handler handler, Version version, std::optional<Tls> tls) {
  return [handler = std::move(handler), version, tls](Socket& peer) {
    if (tls && !peer.secure(*tls, TlsEnd::Role::server)) return;
    const bool is_h2 = tls ? peer.protocol() == "h2" : version == Version::h2;
    if (is_h2)
      serve_h2(peer, handler);
    else
      serve_http1(peer, handler);
  };
}

}  // namespace harness
