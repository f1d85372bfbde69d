#include "proxy/simulate/dialer.hpp"

#include <algorithm>
#include <utility>

namespace simulate {
namespace {

using base::Bytes;
using base::Duration;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using base::Time;

constexpr std::uint32_t most_streams = 100;  // on one HTTP/2 connection

}  // namespace

class Stream final : public http::ClientStream, public base::Link {
 public:
  explicit Stream(Connection& connection)
      : connection_(connection), lost_(connection.own_loop()) {
    connection.began(*this);
  }
  ~Stream() override {
    unlink();
    connection_.stream_is_over(is_whole_);
  }

  void connection_was_lost() { lost_.set(); }

  Result<void> send_head(const http::RequestHead&, bool) override {
    if (!connection_.is_lost()) return {};
    Error error{Reason::reset, Fault::upstream, "the connection was closed"};
    error.unsent = true;
    return error;
  }
  Task<http::Reply> read_head(http::Interim&) override {
    base::Loop& loop = connection_.own_loop();
    const Answer answer = connection_.origin().take(loop.now());
    const Duration back = connection_.there_and_back();
    const Time back_at = answer.at >= base::never - back ? base::never : answer.at + back;
    co_await lost_.wait(back_at);
    if (connection_.is_lost())
      co_return Error{Reason::reset, Fault::upstream, "the upstream closed the connection"};
    if (answer.reason != Reason::none)
      co_return Error{answer.reason, Fault::upstream, "as it was recorded"};
    is_whole_ = true;
    connection_.origin().was_in_time();
    http::Response response;
    response.status = answer.status;
    co_return response;
  }
  bool has_body() const override { return false; }
  void abort(const Error&) noexcept override {}
  Task<Result<void>> write(Bytes) override { return Result<void>(); }
  Result<void> finish(const http::Headers&) override { return {}; }
  Task<Result<Bytes>> read() override { return Result<Bytes>(Bytes()); }
  const http::Headers& trailers() const override { return trailers_; }
  std::optional<std::uint64_t> size() const override { return 0; }

 private:
  Connection& connection_;
  base::Event lost_;
  bool is_whole_ = false;
  http::Headers trailers_;
};

Connection::Connection(base::Loop& loop, Origin& origin, Millis there_and_back, bool speaks_h2,
                       base::Duration longest_idle)
    : PooledConnection(loop, longest_idle),
      origin_(origin),
      there_and_back_(there_and_back),
      is_h2_(speaks_h2) {
  origin_.connections.push_back(this);
}

Connection::~Connection() {
  std::erase(origin_.connections, this);
}

std::unique_ptr<http::ClientStream> Connection::open_stream() {
  ++open_;
  return std::make_unique<Stream>(*this);
}

std::size_t Connection::free_streams() {
  const std::uint32_t most = is_h2_ ? most_streams : 1;
  return is_lost_ || is_draining() || is_worn() || open_ >= most ? 0 : most - open_;
}

void Connection::began(Stream& stream) {
  all_.push_back(stream);
}

void Connection::lose() {
  if (std::exchange(is_lost_, true)) return;
  for (Stream* each = all_.front(); each; each = all_.after(*each)) each->connection_was_lost();
  lost();
  if (open_ == 0) leave();
}

// HTTP/1 has but the connection to give an exchange up by.
void Connection::stream_is_over(bool is_whole) {
  --open_;
  stream_ended();
  const bool is_spent = !is_h2_ && !is_whole;
  if (is_spent && !std::exchange(is_lost_, true)) lost();
  if (open_ == 0 && (is_lost_ || is_draining())) return leave();
  if (open_ == 0) rest(longest_idle());
  became_free();
}

namespace {

class VirtualDialer final : public upstream::Dialer {
 public:
  VirtualDialer(base::Loop& loop, const Network& network) : loop_(loop), network_(network) {}

  Task<Result<upstream::Dialed>> dial(upstream::Dial wanted) override {
    const auto found = network_.origins.find(wanted.address);
    const Time begun = loop_.now();
    Origin* origin = found == network_.origins.end() ? nullptr : found->second;
    if (origin) origin->was_dialed();
    const Time answered = begun + network_.there_and_back;
    const bool refuses = !origin || origin->refuses(begun);
    const Time heard_from = refuses ? answered : std::max(answered, origin->silent_until(begun));
    co_await base::sleep_until(loop_, std::min(heard_from, wanted.until));
    Error error{Reason::connect_failure, Fault::upstream, "cannot connect"};
    error.unsent = true;
    if (heard_from > wanted.until) error.reason = Reason::connect_timeout;
    if (refuses || heard_from > wanted.until) co_return error;
    const bool speaks_h2 = wanted.protocol == config::HttpVersion::h2;
    upstream::Dialed made;
    made.connection = std::make_unique<Connection>(loop_, *origin, network_.there_and_back,
                                                   speaks_h2, speaks_h2 ? idle_ : idle_http1_);
    co_return made;
  }
  Result<std::unique_ptr<net::ConnectedDatagrams>> datagrams(const base::Address&) override {
    Error error{Reason::connect_failure, Fault::upstream, "no datagrams in virtual time"};
    error.unsent = true;
    return error;
  }
  void renew(const config::Cluster& cluster, const config::Limits&,
             std::shared_ptr<const certs::TlsContext>) override {
    idle_ = cluster.pool.idle;
    idle_http1_ = cluster.pool.idle_http1;
  }
  void renew_tls(std::shared_ptr<const certs::TlsContext>) override {}

 private:
  base::Loop& loop_;
  const Network& network_;
  base::Duration idle_{};
  base::Duration idle_http1_{};
};

}  // namespace

std::unique_ptr<upstream::Dialer> make_dialer(base::Loop& loop, const Network& network) {
  return std::make_unique<VirtualDialer>(loop, network);
}

}  // namespace simulate
