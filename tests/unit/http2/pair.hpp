// A client connection and a server connection of ours at the two ends of a socket pair, in one loop,
// or either of them against a scripted peer. The test says what the service does with a request.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http2/client.hpp"
#include "proxy/http2/server.hpp"

namespace http2_test {

using base::Bytes;
using base::Error;
using base::Reason;
using base::Result;
using base::Task;

// Turns the loop until `is_so()`, for five seconds at most.
template <typename Predicate>
bool turn_until(base::EventLoop& loop, Predicate is_so) {
  const base::Time limit = base::Clock::now() + std::chrono::seconds(5);
  while (!is_so()) {
    if (base::Clock::now() > limit) return false;
    loop.turn(base::Millis{5});
  }
  return true;
}

struct Ends {
  Ends() {
    int both[2] = {-1, -1};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, both) != 0) std::abort();
    one = both[0];
    other = both[1];
  }
  int one;
  int other;
};

// What became of one exchange of the client's.
struct Asked final : http::Interim {
  void send_interim(int code, const http::Headers& fields) noexcept override {
    interim.push_back(code);
    last_interim = fields;
  }
  bool is_over() const { return has_ended || error; }

  std::unique_ptr<http::ClientStream> stream;
  std::vector<int> interim;
  http::Headers last_interim;
  int status = 0;
  http::Headers headers;
  bool has_head = false;
  bool has_body = false;
  std::string body;
  bool has_ended = false;
  http::Headers trailers;
  std::optional<Error> error;
  base::Child reading;
  base::Child writing;
};

inline http::RequestHead get(std::string_view path = "/") {
  http::RequestHead head;
  head.scheme = "http";
  head.authority = "a.test";
  head.path = path;
  return head;
}

inline http::RequestHead post(std::string_view path = "/") {
  http::RequestHead head = get(path);
  head.method = http::Method::post;
  return head;
}

inline Task<> read_response(Asked& asked) {
  http::Reply reply = co_await asked.stream->read_head(asked);
  if (!reply) {
    asked.error = reply.error();
    co_return;
  }
  asked.status = reply->status;
  asked.headers = reply->headers;
  asked.has_body = asked.stream->has_body();
  asked.has_head = true;
  while (asked.has_body) {
    Result<Bytes> piece = co_await asked.stream->read();
    if (!piece) {
      asked.error = piece.error();
      co_return;
    }
    if (piece->empty()) break;
    asked.body += piece->view();
  }
  asked.trailers = asked.stream->trailers();
  asked.has_ended = true;
}

inline Task<> write_request(Asked& asked, std::string body, std::size_t piece_size,
                            http::Headers trailers) {
  std::size_t at = 0;
  while (at < body.size()) {
    const std::size_t count = std::min(piece_size, body.size() - at);
    Bytes piece = Bytes::copy_of(std::string_view(body).substr(at, count));
    at += count;
    const Result<void> written = co_await asked.stream->write(std::move(piece));
    if (!written) co_return;
  }
  const Result<void> finished = asked.stream->finish(trailers);
  (void)finished;
}

// A service whose answer is what `answer` makes of the request; it counts what it saw.
class Service final : public http::Service {
 public:
  using Answer = std::function<Task<>(http::Incoming, http::ServerStream&)>;
  Task<> serve(http::Incoming&& incoming, http::ServerStream& stream) override {
    ++requests;
    last = incoming.head;
    return guarded(*this, answer(std::move(incoming), stream));
  }
  bool is_draining() const override { return false; }

  Answer answer;
  int requests = 0;
  int running = 0;
  int finished = 0;  // not: cancelled
  http::RequestHead last;

 private:
  struct Running {
    explicit Running(Service& in) : service(in) { ++service.running; }
    ~Running() { --service.running; }
    Service& service;
  };
  static Task<> guarded(Service& service, Task<> task) {
    const Running counted(service);
    co_await task;
    ++service.finished;
  }
};

// Answers 200 with `body`, after the request's body was read; trailers are sent back.
inline Task<> echo(http::Incoming incoming, http::ServerStream& stream) {
  std::string body;
  for (;;) {
    Result<Bytes> piece = co_await incoming.body.read();
    if (!piece) {
      stream.abort(piece.error());
      co_return;
    }
    if (piece->empty()) break;
    body += piece->view();
  }
  http::Response response;
  response.status = 200;
  const http::Headers trailers = incoming.body.trailers();
  const bool ends = body.empty() && trailers.empty();
  const Result<void> sent = stream.send_head(response, ends);
  if (!sent || ends) co_return;
  Bytes piece = Bytes::copy_of(body);
  const Result<void> written = co_await stream.write(std::move(piece));
  if (!written) co_return;
  const Result<void> finished = stream.finish(trailers);
  (void)finished;
}

// Answers with `size` bytes, in one piece that is larger than what is queued.
inline Task<> download(std::size_t size, http::ServerStream& stream) {
  http::Response response;
  response.status = 200;
  const Result<void> sent = stream.send_head(response, false);
  if (!sent) co_return;
  Bytes piece = Bytes::copy_of(std::string(size, 'd'));
  const Result<void> written = co_await stream.write(std::move(piece));
  if (!written) co_return;
  const Result<void> finished = stream.finish({});
  (void)finished;
}

inline Task<> refuse(http::Incoming incoming, http::ServerStream& stream, int status) {
  (void)incoming;
  http::Response response;
  response.status = status;
  const Result<void> sent = stream.send_head(response, true);
  (void)sent;
  co_return;
}

struct Serving : http2::ServerConnection::Owner {
  Serving() {
    service.answer = [](http::Incoming in, http::ServerStream& stream) {
      if (in.refused) return refuse(std::move(in), stream, 400);
      return echo(std::move(in), stream);
    };
  }
  virtual ~Serving() = default;
  void serve(int descriptor) {
    http2::ServerConnection::Owner& owner = *this;
    server = std::make_unique<http2::ServerConnection>(
        std::make_unique<net::Transport>(loop, descriptor), lingering, info,
        std::make_shared<const http2::ServerSettings>(server_settings), service, owner);
    server->start({});
  }
  void on_closed(http2::ServerConnection&) override { is_server_closed = true; }

  base::EventLoop loop;
  net::Lingering lingering{loop};
  http::ConnectionInfo info;
  http2::ServerSettings server_settings;
  Service service;
  bool is_server_closed = false;
  std::unique_ptr<http2::ServerConnection> server;
};

struct Asking : http2::ClientConnection::Owner {
  explicit Asking(base::EventLoop& on) : client_loop(on), tasks(on) {}
  virtual ~Asking() {
    tasks.cancel_all();
    exchanges.clear();
  }
  void connect(int descriptor) {
    http2::ClientConnection::Owner& owner = *this;
    client = std::make_unique<http2::ClientConnection>(
        std::make_unique<net::Transport>(client_loop, descriptor), client_settings, owner);
  }
  // `body`: nothing = the head ends the request.
  Asked& ask(const http::RequestHead& head, std::optional<std::string> body = std::nullopt,
             std::size_t piece_size = 32 * 1024, const http::Headers& trailers = {}) {
    Asked& asked = exchanges.emplace_back();
    asked.stream = client->open();
    const Result<void> sent = asked.stream->send_head(head, !body);
    if (!sent) {
      asked.error = sent.error();
      return asked;
    }
    if (body) asked.writing = tasks.spawn(write_request(asked, *body, piece_size, trailers));
    asked.reading = tasks.spawn(read_response(asked));
    return asked;
  }
  bool wait(const Asked& asked) {
    return turn_until(client_loop, [&] { return asked.is_over(); });
  }

  void on_stream_ended(http2::ClientConnection&) override { ++streams_ended; }
  void on_limit_changed(http2::ClientConnection&) override { ++limits_changed; }
  void on_draining(http2::ClientConnection&) override { is_client_draining = true; }
  void on_closed(http2::ClientConnection&) override { is_client_closed = true; }

  base::EventLoop& client_loop;
  http2::ClientSettings client_settings;
  int streams_ended = 0;
  int limits_changed = 0;
  bool is_client_draining = false;
  bool is_client_closed = false;
  std::unique_ptr<http2::ClientConnection> client;
  std::deque<Asked> exchanges;
  base::TaskGroup tasks;
};

struct Pair : Serving, Asking {
  Pair() : Asking(loop) {}
  ~Pair() override {
    Asking::tasks.cancel_all();
    exchanges.clear();
    client.reset();
    server.reset();
  }
  void join() {
    const Ends ends;
    serve(ends.one);
    connect(ends.other);
  }
  void on_closed(http2::ServerConnection& it) override { Serving::on_closed(it); }
  void on_closed(http2::ClientConnection& it) override { Asking::on_closed(it); }
};

}  // namespace http2_test
