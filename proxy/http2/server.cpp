#include "proxy/http2/server.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/http/hop_by_hop.hpp"
#include "proxy/http/target.hpp"

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

constexpr std::size_t large_piece = 16 * 1024;  // written through at once
constexpr std::size_t most_held = 64 * 1024;    // of a stream's output
constexpr std::size_t least_unsent = 64 * 1024; // of a transport: more is pulled out of the session
constexpr int most_rounds = 4;                  // of pulling and writing at a time

Error refused(Reason reason, std::string_view why) { return {reason, Fault::downstream, why}; }

}  // namespace

// One request and its answer.
class ServerConnection::ServerStream final : public Stream,
                                             public http::ServerStream,
                                             public http::Body::Source,
                                             public base::Reapable,
                                             public base::Pooled {
 public:
  explicit ServerStream(ServerConnection& connection)
      : Stream(connection.loop()), connection_(connection) {}
  ~ServerStream() { connection_.session_.detach(*this); }

  http::Incoming incoming();

  const http::ConnectionInfo& connection() const override { return connection_.info_; }
  void send_interim(int status, const http::Headers& headers) noexcept override;
  Result<void> send_head(const http::Response& response, bool ends) override;
  Task<Result<void>> write(Bytes piece) override;
  Result<void> finish(const http::Headers& trailers) override;
  void abort(const Error& why) noexcept override;

  Task<Result<Bytes>> read() override;
  const http::Headers& trailers() const override { return Stream::trailers; }
  std::optional<std::uint64_t> size() const override { return declared_; }
  void drop() noexcept override {}

  void reap() noexcept override;
  void conclude();

  base::Child running;
  bool is_starting = false;  // the exchange is running for the first time
  bool is_served = false;    // it is over
  bool is_released = false;

 private:
  Task<Result<Bytes>> more();
  Task<Result<void>> wait_until_taken();
  std::optional<Error> flaw_of(const Section& section) const;
  Error gone() const;

  ServerConnection& connection_;
  std::optional<std::uint64_t> declared_;
  bool wants_continue_ = false;
  bool is_answered_ = false;
};

std::optional<Error> ServerConnection::ServerStream::flaw_of(const Section& received) const {
  if (received.is_too_large)
    return refused(Reason::headers_too_large, "the header section is too large");
  if (received.path.size() > connection_.settings_.limits.target_bytes)
    return refused(Reason::target_too_long, "the request target is too long");
  if (received.method == "CONNECT")
    return refused(Reason::method_not_allowed, "CONNECT is not offered here");
  if (received.authority.empty() || !http::valid_authority(received.authority))
    return refused(Reason::bad_request, "the authority is not host or host:port");
  const bool is_asterisk = received.path == "*" && received.method == "OPTIONS";
  if (!is_asterisk && !http::valid_path(received.path))
    return refused(Reason::bad_request, "the path has a character that must be escaped");
  if (const auto expect = received.headers.find(Name::expect);
      expect && !base::same_ignoring_case(*expect, "100-continue"))
    return refused(Reason::expectation_failed, "an expectation other than 100-continue");
  return std::nullopt;
}

http::Incoming ServerConnection::ServerStream::incoming() {
  http::Incoming in;
  Section& received = Stream::head;
  in.refused = flaw_of(received);
  http::RequestHead& request = in.head;
  request.method = http::method_from(received.method);
  if (request.method == http::Method::other) request.other_method = received.method;
  request.scheme = connection_.info_.is_tls ? "https" : "http";
  request.authority = std::move(received.authority);
  request.path = std::move(received.path);
  request.headers = std::move(received.headers);
  wants_continue_ = request.headers.remove(Name::expect) > 0;
  if (const auto length = request.headers.find(Name::content_length))
    declared_ = base::parse_decimal<std::uint64_t>(*length);
  const bool is_bodiless = has_ended && data.empty() && Stream::trailers.empty();
  if (!is_bodiless) in.body = http::Body(this);
  received = Section();
  return in;
}

Error ServerConnection::ServerStream::gone() const {
  Error error{Reason::client_gone, Fault::downstream, "the client reset the stream"};
  error.code = closed.value_or(0);
  return error;
}

void ServerConnection::ServerStream::send_interim(int status,
                                                  const http::Headers& headers) noexcept {
  if (is_answered_ || closed) return;
  if (status == 100) wants_continue_ = false;
  connection_.session_.send_interim(*this, status, headers);
  connection_.flush_soon();
}

Result<void> ServerConnection::ServerStream::send_head(const http::Response& response, bool ends) {
  if (closed) return gone();
  is_answered_ = true;
  output_has_ended = ends;
  connection_.session_.respond(*this, response, ends);
  connection_.flush_soon();
  return {};
}

Task<Result<void>> ServerConnection::ServerStream::write(Bytes piece) {
  if (closed) return base::just(Result<void>(gone()));
  if (piece.empty()) return base::just(Result<void>());
  const bool is_large = piece.size() >= large_piece;
  if (!is_large) piece.compact();
  output.push_back(std::move(piece));
  connection_.session_.resume(*this);
  if (is_large)
    connection_.flush();
  else
    connection_.flush_soon();
  std::size_t held_bytes = 0;
  for (std::size_t i = next_output; i < output.size(); ++i) held_bytes += output[i].size();
  if (held_bytes == 0 || (held_bytes < most_held && !is_large)) return base::just(Result<void>());
  return wait_until_taken();
}

Task<Result<void>> ServerConnection::ServerStream::wait_until_taken() {
  for (Bytes& piece : output) piece.compact();
  while (has_output() && !closed) {
    const bool came = co_await writable.wait(connection_.loop().now() +
                                             connection_.settings_.send_timeout);
    if (!came) {
      connection_.session_.reset(*this, static_cast<std::uint32_t>(Code::cancel));
      connection_.flush_soon();
      co_return refused(Reason::client_gone, "the client takes nothing");
    }
  }
  if (closed) co_return gone();
  co_return Result<void>();
}

Result<void> ServerConnection::ServerStream::finish(const http::Headers& trailers) {
  if (closed) return gone();
  output_has_ended = true;
  output_trailers = trailers;
  connection_.session_.resume(*this);
  connection_.flush_soon();
  return {};
}

void ServerConnection::ServerStream::abort(const Error& why) noexcept {
  const auto internal = static_cast<std::uint32_t>(Code::internal_error);
  connection_.session_.reset(*this, why.code != 0 ? why.code : internal);
  connection_.flush_soon();
}

Task<Result<Bytes>> ServerConnection::ServerStream::read() {
  if (wants_continue_ && !is_answered_ && data.empty()) send_interim(100, {});
  return more();
}

Task<Result<Bytes>> ServerConnection::ServerStream::more() {
  for (;;) {
    if (next_data < data.size()) {
      Bytes piece = take_data();
      connection_.session_.consumed(*this, piece.size());
      connection_.flush_soon();
      co_return piece;
    }
    if (is_flawed) co_return refused(Reason::bad_request, "the request's body broke the rules");
    if (has_ended) co_return Bytes();
    if (closed) co_return gone();
    const bool came = co_await readable.wait(connection_.loop().now() +
                                             connection_.settings_.body_timeout);
    if (!came) {
      co_return refused(Reason::request_timeout, "the request's body did not come in time");
    }
  }
}

// The exchange is over. What the client still sends of its request is of no interest.
void ServerConnection::ServerStream::conclude() {
  if (closed) return;
  if (!is_answered_)
    connection_.session_.reset(*this, static_cast<std::uint32_t>(Code::internal_error));
  else if (!has_ended && output_has_ended)
    connection_.session_.reset_when_sent(*this);
}

void ServerConnection::ServerStream::reap() noexcept { delete this; }

// --- the connection ---

ServerConnection::ServerConnection(std::unique_ptr<net::Transport> transport,
                                   net::Lingering& lingering, const http::ConnectionInfo& info,
                                   const ServerSettings& settings, http::Service& service,
                                   Owner& owner)
    : loop_(transport->loop()),
      transport_(std::move(transport)),
      lingering_(lingering),
      info_(info),
      settings_(settings),
      service_(service),
      owner_(owner),
      last_active_(loop_.now()),
      session_(Role::server, settings.limits, *this),
      tasks_(loop_) {
  transport_->set_owner(this);
}

ServerConnection::~ServerConnection() {
  tasks_.cancel_all();
  for (ServerStream* stream : std::exchange(streams_, {})) delete stream;
}

void ServerConnection::start(Bytes already_read) {
  input_ = std::move(already_read);
  flush_soon();
  tasks_.spawn(run()).release();
}

void ServerConnection::drain() {
  if (is_closed_ || std::exchange(is_draining_, true)) return;
  session_.announce_shutdown();
  session_.shutdown();
  flush_soon();
  transport_->interrupt();
}

Task<> ServerConnection::run() {
  for (;;) {
    const bool goes_on = take_input();
    if (!goes_on) break;
    const bool came = co_await transport_->readable(patience());
    if (!came && loop_.now() >= patience()) {
      if (streams_.empty()) break;
    }
  }
  flush();
  close();
}

// Until when to wait for input.
base::Time ServerConnection::patience() const {
  if (!session_.has_settings()) return last_active_ + settings_.header_timeout;
  if (!streams_.empty()) return loop_.now() + settings_.idle_timeout;
  return last_active_ + settings_.idle_timeout;
}

// False: the connection is over.
bool ServerConnection::take_input() {
  for (;;) {
    if (input_.empty()) {
      Input input = transport_->read_now();
      if (input.state == Input::State::would_block) break;
      if (input.state != Input::State::data) return false;
      input_ = std::move(input.bytes);
    }
    const bool goes_on = session_.receive(std::exchange(input_, Bytes()));
    session_.take_events();
    flush_soon();
    if (!goes_on) return false;
  }
  if (session_.is_over() || transport_->write_error()) return false;
  return !(is_draining_ && streams_.empty());
}

void ServerConnection::flush() {
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
  if (session_.is_over() || transport_->write_error() || (is_draining_ && streams_.empty()))
    transport_->interrupt();
}

// The rest of the output: after others had their turn, and when the transport has room for it.
Task<> ServerConnection::go_on() {
  co_await loop_.yield();
  co_await transport_->drained(least_unsent);
  is_going_on_ = false;
  flush();
}

void ServerConnection::close() {
  if (std::exchange(is_closed_, true)) return;
  Flushable::unlink();
  transport_->set_owner(nullptr);
  lingering_.take(std::move(transport_));
  owner_.on_closed(*this);
}

Stream* ServerConnection::make_stream() {
  auto* stream = new ServerStream(*this);
  streams_.push_back(stream);
  return stream;
}

void ServerConnection::on_head(Stream& of_session) {
  auto& stream = static_cast<ServerStream&>(of_session);
  if (stream.is_released || stream.closed) return;
  stream.is_starting = true;
  stream.running = tasks_.spawn(serve(stream));
  stream.is_starting = false;
  if (stream.closed && !stream.is_released) on_closed(stream);
}

Task<> ServerConnection::serve(ServerStream& stream) {
  co_await service_.serve(stream.incoming(), stream);
  stream.conclude();
  stream.is_served = true;
  flush_soon();
  if (stream.closed) release(stream);
}

// The client reset it, or both messages are complete.
void ServerConnection::on_closed(Stream& of_session) {
  auto& stream = static_cast<ServerStream&>(of_session);
  last_active_ = loop_.now();
  if (stream.is_starting || stream.is_released) return;
  const bool is_whole = stream.has_ended && stream.output_has_ended && !stream.has_output();
  if (stream.running.is_running() && is_whole && !stream.is_served) return;  // it is about to end
  stream.running.cancel();
  release(stream);
}

void ServerConnection::release(ServerStream& stream) {
  if (std::exchange(stream.is_released, true)) return;
  std::erase(streams_, &stream);
  loop_.reap_later(stream);
  if (is_draining_ && streams_.empty()) transport_->interrupt();
}

}  // namespace http2
