// A peer's bytes on an HTTP/2 connection. First to a session alone: its verdict is the same however
// they are cut. Then to a whole connection over a socket pair, with a service that reads and writes
// bodies, late or not at all, or with clients that leave: it ends when its peer does, and nothing
// is left of it. An input: a byte that chooses the plan, a byte of habits, then the peer's bytes;
// one that begins with a client's preface is only that.
#include "proxy/http/target.hpp"
#include "tests/fuzz/session_verdict.hpp"
#include "tests/unit/http2/pair.hpp"

#include <list>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using http2_test::Asked;
using http2_test::Asking;
using http2_test::Serving;

constexpr std::string_view preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view no_settings("\0\0\0\4\0\0\0\0\0", 9);

struct Plan {
  enum Flag : std::uint8_t {
    client = 1,
    greeted = 2,
    strict = 4,
    in_pieces = 8,
    deaf = 16,
    draining = 32
  };

  explicit Plan(std::string_view input) {
    if (!input.starts_with(preface) && input.size() >= 2) {
      flags = static_cast<std::uint8_t>(input[0]);
      habits = static_cast<std::uint8_t>(input[1]);
      input.remove_prefix(2);
    }
    if (has(greeted)) bytes = has(client) ? "" : preface, bytes += no_settings;
    bytes += input;
    if (!has(strict)) return;
    limits = {2, 256, 4, 64, 32};
  }
  bool has(Flag flag) const { return flags & flag; }
  // One of four, for the n-th exchange.
  int habit(int n) const { return habits >> (n % 4 * 2) & 3; }
  std::vector<std::string_view> pieces() const {
    return has(in_pieces) ? fuzz::pieces_of(bytes) : std::vector<std::string_view>{bytes};
  }

  std::uint8_t flags = 0;
  std::uint8_t habits = 0;
  http2::SessionLimits limits;
  std::string bytes;
};

// nghttp2 counts a CONTINUATION again with each piece in which its header comes: with more than a
// few the verdict is the cut's.
bool has_many_continuations(std::string_view bytes) {
  if (bytes.starts_with(preface)) bytes.remove_prefix(preface.size());
  int count = 0;
  while (bytes.size() >= 9) {
    const auto at = [&](std::size_t i) {
      return static_cast<std::size_t>(static_cast<unsigned char>(bytes[i]));
    };
    const std::size_t size = 9 + (at(0) << 16 | at(1) << 8 | at(2));
    count = at(3) == 9 ? count + 1 : 0;
    if (count >= 8) return true;
    bytes.remove_prefix(std::min(size, bytes.size()));
  }
  return false;
}

void check_verdict(const Plan& plan) {
  if (has_many_continuations(plan.bytes)) return;
  const auto role = plan.has(Plan::client) ? net::Role::client : net::Role::server;
  const std::string whole = fuzz::SessionVerdict(role, plan.limits).of({plan.bytes});
  const std::string cut = fuzz::SessionVerdict(role, plan.limits).of(fuzz::pieces_of(plan.bytes));
  fuzz::require_same(whole, cut, "whole and in pieces");
}

// The peer: says the plan's bytes, and hears what comes back, unless it is deaf.
class Peer {
 public:
  Peer(int descriptor, bool is_deaf) : descriptor_(descriptor), is_deaf_(is_deaf) {}
  ~Peer() { ::close(descriptor_); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // One that has closed may wait for its last words to be taken, and read no more.
  void say(base::EventLoop& loop, std::string_view text, const bool& is_closed) {
    for (int turns = 0; !text.empty(); ++turns) {
      const ssize_t sent = ::send(descriptor_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && (errno != EAGAIN || is_closed)) return;
      if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
      fuzz::require(turns < 1000, "a connection goes on reading");
      turn(loop, 1);
    }
  }
  void turn(base::EventLoop& loop, int times) {
    for (; times > 0; --times) {
      loop.turn(base::Millis{0});
      if (!is_deaf_) hear();
    }
  }
  void finish() { ::shutdown(descriptor_, SHUT_WR); }

 private:
  void hear() {
    char room[16384];
    while (::recv(descriptor_, room, sizeof room, 0) > 0) {
    }
  }

  int descriptor_;
  bool is_deaf_;
};

void check_request(const http::RequestHead& head) {
  const bool is_asterisk = head.path == "*" && head.method == http::Method::options;
  const bool is_connect = head.path.empty() && head.method == http::Method::connect;
  fuzz::require(!head.method_text().empty() && http::valid_authority(head.authority) &&
                    (is_asterisk || is_connect || http::valid_path(head.path)),
                "a request of a known form");
  for (const http::Name name : {http::Name::connection, http::Name::transfer_encoding,
                                http::Name::host, http::Name::upgrade})
    fuzz::require(!head.headers.contains(name), "no fields of a connection");
}

using Gates = std::list<base::Event>;

base::Task<> echo_late(http::Incoming incoming, http::ServerStream& stream, base::Event& gate) {
  stream.send_interim(103, {});
  co_await gate.wait();
  co_await http2_test::echo(std::move(incoming), stream);
}

base::Task<> give_up(http::Incoming incoming, http::ServerStream& stream) {
  const base::Result<base::Bytes> piece = co_await incoming.body.read();
  if (!piece) co_return;
  stream.abort({});
}

void serve(const Plan& plan) {
  Gates gates;
  Serving side;
  side.server_settings.limits = plan.limits;
  side.service.answer = [&](http::Incoming in, http::ServerStream& stream) -> base::Task<> {
    if (in.refused) return http2_test::refuse(std::move(in), stream, 400);
    check_request(in.head);
    switch (plan.habit(side.service.requests)) {
      case 0:
        return http2_test::echo(std::move(in), stream);
      case 1:
        return http2_test::download(100'000, stream);
      case 2:
        return echo_late(std::move(in), stream, gates.emplace_back(side.loop));
      default:
        return give_up(std::move(in), stream);
    }
  };
  const http2_test::Ends ends;
  Peer peer(ends.other, plan.has(Plan::deaf));
  side.serve(ends.one);
  for (const std::string_view piece : plan.pieces())
    peer.say(side.loop, piece, side.is_server_closed);
  if (plan.has(Plan::draining)) side.server->drain();
  peer.turn(side.loop, 2);
  for (base::Event& gate : gates) gate.set();
  peer.turn(side.loop, 4);
  peer.finish();
  for (int turns = 0; !side.is_server_closed && turns < 1000; ++turns) peer.turn(side.loop, 1);
  fuzz::require(side.is_server_closed, "it ends when its peer does");
  side.server.reset();
  peer.turn(side.loop, 1);
  fuzz::require(side.service.running == 0, "no exchange is left");
}

void ask(Asking& side, const Plan& plan, int n) {
  if (side.client->free_streams() == 0) return;
  switch (plan.habit(n)) {
    case 0:
      side.ask(http2_test::get());
      break;
    case 1:
      side.ask(http2_test::post(), std::string(100'000, 'b'));
      break;
    case 2:
      side.ask(fuzz::request_of(http::Method::head));
      break;
    default:
      side.ask(http2_test::post(), std::string("b"), 1).reading.cancel();
  }
}

// Those that stopped reading leave; all others have come to an end.
void check_asked(Asking& side, const Plan& plan) {
  int n = 0;
  for (const Asked& asked : side.exchanges) {
    if (plan.habit(n++) != 3) fuzz::require(asked.is_over(), "each exchange ends");
    if (asked.has_head) fuzz::require(asked.status >= 200 && asked.status < 600, "a final status");
    for (const int status : asked.interim)
      fuzz::require(status >= 100 && status < 200 && status != 101, "an interim status");
  }
}

void leave(Asking& side, base::EventLoop& loop) {
  side.tasks.cancel_all();
  loop.turn(base::Millis{0});
  for (Asked& asked : side.exchanges) asked.stream.reset();
}

void ask(const Plan& plan) {
  base::EventLoop loop;
  Asking side(loop);
  side.client_settings.limits = plan.limits;
  const http2_test::Ends ends;
  Peer peer(ends.other, plan.has(Plan::deaf));
  side.connect(ends.one);
  for (int n = 0; n < 4; ++n) ask(side, plan, n);
  peer.turn(loop, 1);
  for (const std::string_view piece : plan.pieces()) peer.say(loop, piece, side.is_client_closed);
  if (plan.has(Plan::draining)) side.client->shutdown();
  peer.turn(loop, 4);
  const bool leaves_first = plan.habit(3) == 3;
  if (leaves_first) leave(side, loop);
  if (leaves_first && !side.is_client_closed)
    fuzz::require(side.client->is_idle(), "streams that were left are no more open");
  peer.finish();
  for (int turns = 0; !side.is_client_closed && turns < 1000; ++turns) peer.turn(loop, 1);
  fuzz::require(side.is_client_closed, "it ends when its peer does");
  peer.turn(loop, 2);
  if (!leaves_first) check_asked(side, plan);
  leave(side, loop);
  side.client.reset();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Plan plan(fuzz::text_of(data, size));
  base::ReadBlock::of_this_thread().prepare();
  const std::size_t before = base::block_bytes_in_use();
  check_verdict(plan);
  if (plan.has(Plan::client))
    ask(plan);
  else
    serve(plan);
  base::ReadBlock::of_this_thread().prepare();
  fuzz::require(base::block_bytes_in_use() == before, "all bytes are given back");
  return 0;
}
