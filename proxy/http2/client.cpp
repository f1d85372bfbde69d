#include "proxy/http2/client.hpp"

#include <algorithm>

#include "proxy/base/ascii.hpp"
#include "proxy/http/hop_by_hop.hpp"

namespace http2 {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using http::Name;
using net::Input;

constexpr std::uint32_t streams_before_settings = 100;
constexpr std::size_t large_piece = 16 * 1024;
constexpr std::size_t most_held = 64 * 1024;
constexpr std::size_t least_unsent = 64 * 1024;  // of a transport: more is pulled out of the session
constexpr int most_rounds = 4;                   // of pulling and writing at a time
constexpr std::uint32_t no_error = 0;
constexpr std::uint32_t refused_stream = 7;

Error protocol_error(std::string_view why) {
  return {Reason::upstream_protocol_error, Fault::upstream, why};
}

}  // namespace

// One request and its response.
class ClientConnection::Exchange final : public http::ClientStream, public Stream {
 public:
  explicit Exchange(ClientConnection& connection)
      : Stream(connection.loop()), connection_(&connection) {
    ++connection.open_;
    connection.exchanges_.push_back(in_connection);
  }
  ~Exchange() override;

  Result<void> send_head(const http::RequestHead& head, bool ends) override;
  Task<Result<void>> write(Bytes piece) override;
  Result<void> finish(const http::Headers& trailers) override;
  void abort(const Error& why) noexcept override;
  Task<http::Reply> read_head(http::Interim& interim) override;
  bool has_body() const override { return has_body_; }
  Task<Result<Bytes>> read() override;
  const http::Headers& trailers() const override { return Stream::trailers; }
  std::optional<std::uint64_t> size() const override { return size_; }

  // The connection is lost.
  void fail(const Error& error) {
    if (!closed) {  // else it knows better: refused, reset
      failure_ = error;
      failure_->unsent = !is_head_sent;
    }
    connection_ = nullptr;
    if (readable.has_waiter()) readable.set();
    if (writable.has_waiter()) writable.set();
  }

  struct InConnection : base::Link {
    explicit InConnection(Exchange& of) : exchange(of) {}
    Exchange& exchange;
  };

 private:
  Task<Result<void>> wait_until_taken();
  http::Reply understand();
  // Why nothing more will come; nothing = more may.
  std::optional<Error> end_of_it(bool has_response) const;
  bool is_complete() const { return has_ended && next_data >= data.size(); }

  ClientConnection* connection_;  // null once it is lost
  http::Method method_ = http::Method::get;
  std::optional<std::uint64_t> size_;
  std::optional<Error> failure_;
  bool has_body_ = false;

 public:
  InConnection in_connection{*this};
};

ClientConnection::Exchange::~Exchange() {
  if (!connection_) return;
  Session& session = connection_->session_;
  if (id != 0 && !closed) {
    const bool is_whole = has_ended && is_end_sent;
    if (!is_whole) session.reset(*this, static_cast<std::uint32_t>(Code::cancel));
  }
  session.detach(*this);
  in_connection.unlink();
  connection_->flush_soon();
  connection_->stream_ended();
}

Result<void> ClientConnection::Exchange::send_head(const http::RequestHead& request, bool ends) {
  method_ = request.method;
  output_has_ended = ends;
  const bool is_begun = connection_ && connection_->session_.request(*this, request, ends);
  if (is_begun) {
    connection_->flush_soon();
    return {};
  }
  Error error{Reason::refused, Fault::upstream, "the connection takes no more requests"};
  error.unsent = true;
  return error;
}

std::optional<Error> ClientConnection::Exchange::end_of_it(bool has_response) const {
  if (failure_) {
    Error error = *failure_;
    if (has_response) error.reason = Reason::response_aborted;
    return error;
  }
  if (is_flawed) return protocol_error("the response broke the rules of HTTP/2");
  if (!closed) return std::nullopt;
  Error error{Reason::reset, Fault::upstream, "the upstream reset the stream"};
  error.code = *closed;
  if (*closed == refused_stream) {
    error.reason = Reason::refused;
    error.unsent = true;
  } else if (*closed == 1) {
    error = protocol_error("the response broke the rules of HTTP/2");
    error.code = *closed;
  }
  if (has_response) error.reason = Reason::response_aborted;
  return error;
}

Task<Result<void>> ClientConnection::Exchange::write(Bytes piece) {
  if (!connection_ || closed) {
    const std::optional<Error> error = end_of_it(false);
    return base::just(error ? Result<void>(*error) : Result<void>());
  }
  if (piece.empty()) return base::just(Result<void>());
  const bool is_large = piece.size() >= large_piece;
  if (!is_large) piece.compact();
  output.push_back(std::move(piece));
  connection_->session_.resume(*this);
  if (is_large)
    connection_->flush();
  else
    connection_->flush_soon();
  std::size_t held_bytes = 0;
  for (std::size_t i = next_output; i < output.size(); ++i) held_bytes += output[i].size();
  if (held_bytes == 0 || (held_bytes < most_held && !is_large)) return base::just(Result<void>());
  return wait_until_taken();
}

Task<Result<void>> ClientConnection::Exchange::wait_until_taken() {
  for (Bytes& piece : output) piece.compact();
  while (connection_ && has_output() && !closed) co_await writable.wait();
  const std::optional<Error> error = end_of_it(false);
  // A whole response before the end of the request is no failure of the response.
  if (error && !(closed && has_ended)) co_return *error;
  co_return Result<void>();
}

Result<void> ClientConnection::Exchange::finish(const http::Headers& trailers) {
  if (!connection_ || closed) return {};
  output_has_ended = true;
  output_trailers = trailers;
  connection_->session_.resume(*this);
  connection_->flush_soon();
  return {};
}

void ClientConnection::Exchange::abort(const Error& why) noexcept {
  failure_ = why;
  if (connection_ && !closed) {
    connection_->session_.reset(*this, static_cast<std::uint32_t>(Code::cancel));
    connection_->flush_soon();
  }
  if (readable.has_waiter()) readable.set();
}

Task<http::Reply> ClientConnection::Exchange::read_head(http::Interim& interim_sink) {
  for (;;) {
    for (const Section& early : interim) {
      http::Headers headers = early.headers;
      http::clean_response(headers);
      if (early.status != 101) interim_sink.send_interim(early.status, headers);
    }
    interim.clear();
    if (failure_ && !has_head) co_return *end_of_it(false);
    if (has_head) co_return understand();
    if (const std::optional<Error> error = end_of_it(false)) co_return *error;
    co_await readable.wait();
  }
}

http::Reply ClientConnection::Exchange::understand() {
  if (head.is_too_large) return protocol_error("the response's header section is too large");
  if (is_flawed) return protocol_error("the response broke the rules of HTTP/2");
  http::Response response;
  response.status = head.status;
  response.headers = std::move(head.headers);
  http::clean_response(response.headers);
  if (const auto length = response.headers.find(Name::content_length))
    size_ = base::parse_decimal<std::uint64_t>(*length);
  const bool is_bodiless = method_ == http::Method::head || response.status == 204 ||
                           response.status == 304;
  has_body_ = !is_bodiless && !(has_ended && data.empty() && Stream::trailers.empty());
  return response;
}

// What came before a reset is delivered; a reset with NO_ERROR after the end is no failure.
Task<Result<Bytes>> ClientConnection::Exchange::read() {
  for (;;) {
    if (next_data < data.size() && !is_flawed) {
      Bytes piece = take_data();
      if (connection_) {
        connection_->session_.consumed(*this, piece.size());
        connection_->flush_soon();
      }
      co_return piece;
    }
    if (has_ended && !is_flawed) co_return Bytes();
    if (const std::optional<Error> error = end_of_it(true)) co_return *error;
    co_await readable.wait();
  }
}

// --- the connection ---

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport,
                                   const ClientSettings& settings, Owner& owner)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      settings_(settings),
      owner_(owner),
      session_(Role::client, settings.limits, *this),
      tasks_(loop_) {
  transport_->set_owner(this);
  flush_soon();
  tasks_.spawn(run()).release();
  if (settings_.ping > base::Millis{0}) tasks_.spawn(keep_alive()).release();
}

ClientConnection::~ClientConnection() {
  tasks_.cancel_all();
  while (base::Link* link = exchanges_.pop_front())
    static_cast<Exchange::InConnection*>(link)->exchange.fail(
        {Reason::reset, Fault::upstream, "the connection was closed"});
  transport_->set_owner(nullptr);
}

std::unique_ptr<http::ClientStream> ClientConnection::open() {
  return std::make_unique<Exchange>(*this);
}

std::uint32_t ClientConnection::free_streams() const {
  if (is_draining_ || is_closed_ || transport_->write_error() || transport_->has_hung_up()) return 0;
  const std::uint32_t allowed =
      session_.has_settings() ? session_.peer_stream_limit() : streams_before_settings;
  const std::uint32_t limit = std::min(settings_.streams, allowed);
  return limit > open_ ? limit - open_ : 0;
}

void ClientConnection::shutdown() {
  is_draining_ = true;
  if (is_closed_) return;
  session_.shutdown();
  flush();
}

Task<> ClientConnection::run() {
  for (;;) {
    const bool goes_on = take_input();
    if (!goes_on) break;
    co_await transport_->readable();
  }
  flush();
  Error error{Reason::reset, Fault::upstream, "the upstream closed the connection"};
  error.cause = transport_->write_error();
  fail(error);
}

Task<> ClientConnection::keep_alive() {
  for (;;) {
    co_await base::sleep_until(loop_, loop_.now() + settings_.ping);
    if (!session_.is_ping_answered()) break;
    session_.ping();
    flush_soon();
  }
  fail({Reason::reset, Fault::upstream, "the upstream did not answer a PING"});
}

bool ClientConnection::take_input() {
  for (;;) {
    Input input = transport_->read_now();
    if (input.state == Input::State::would_block) break;
    if (input.state != Input::State::data) return false;
    const bool goes_on = session_.receive(input.bytes);
    session_.take_events();
    flush_soon();
    if (!goes_on) return false;
  }
  return !session_.is_over() && !transport_->write_error();
}

void ClientConnection::flush() {
  if (is_closed_) return;
  bool is_any = false;
  for (int round = 0; round < most_rounds; ++round) {
    is_any = session_.send(*transport_);
    session_.take_events();
    transport_->flush();
    if (!is_any || !session_.wants_to_send() || transport_->unsent() > 0) break;
  }
  const bool may_go_on = is_any || transport_->unsent() > 0;
  if (may_go_on && session_.wants_to_send() && !std::exchange(is_going_on_, true))
    tasks_.spawn(go_on()).release();
  if (session_.is_over() || transport_->write_error()) transport_->interrupt();
}

// The rest of the output: after others had their turn, and when the transport has room for it.
Task<> ClientConnection::go_on() {
  co_await loop_.yield();
  co_await transport_->drained(least_unsent);
  is_going_on_ = false;
  flush();
}

void ClientConnection::fail(const Error& error) {
  if (std::exchange(is_closed_, true)) return;
  Flushable::unlink();
  while (base::Link* link = exchanges_.pop_front())
    static_cast<Exchange::InConnection*>(link)->exchange.fail(error);
  transport_->set_owner(nullptr);
  transport_->close();
  owner_.on_closed(*this);
}

void ClientConnection::stream_ended() {
  --open_;
  if (!is_closed_) owner_.on_stream_ended(*this);
}

void ClientConnection::on_goaway() {
  if (std::exchange(is_draining_, true)) return;
  owner_.on_draining(*this);
}

void ClientConnection::on_settings() { owner_.on_limit_changed(*this); }

}  // namespace http2
