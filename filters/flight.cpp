#include "filters/flight.hpp"

#include <utility>

namespace filters {

using base::Bytes;
using base::Reason;
using base::Result;
using base::Task;
using http::Reply;
using http::Request;
using http::Response;

namespace {

// What comes from upstream, let go of when it has ended, however long what was kept of it is still
// read: so the attempt that it is part of ends then, and is known to those who tell of it.
class ToItsEnd final : public http::WrappedSource {
 public:
  explicit ToItsEnd(http::Body inner) : WrappedSource(std::move(inner)), size_(inner_.size()) {}

  Task<Result<Bytes>> read() override {
    Result<Bytes> piece = co_await inner_.read();
    if (piece && !piece->empty()) co_return piece;
    trailers_ = inner_.trailers();
    inner_ = http::Body();
    co_return piece;
  }
  const http::Headers& trailers() const override { return trailers_; }
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  const std::optional<std::uint64_t> size_;
  http::Headers trailers_;
};

}  // namespace

// One reader's part of the answer.
class Flight::Source final : public http::WrappedSource {
 public:
  Source(std::shared_ptr<Flight> flight, http::Body cursor, http::StreamInfo& reader)
      : WrappedSource(std::move(cursor)), flight_(std::move(flight)), reader_(reader) {}
  ~Source() override {
    inner_ = http::Body();  // before the flight, which may end with this
    const bool is_last = flight_.use_count() == 1;
    if (is_last) flight_->recording_.reset();  // and with it the attempt
    flight_->tell(reader_);
  }

  Task<Result<Bytes>> read() override {
    Result<Bytes> piece = co_await inner_.read();
    if (!piece) flight_->end(piece.error().reason);
    if (piece && piece->empty()) flight_->end(Reason::none);
    co_return piece;
  }

 private:
  const std::shared_ptr<Flight> flight_;
  http::StreamInfo& reader_;
};

Flight::Waiter::Waiter(std::shared_ptr<Flight> flight)
    : flight_(std::move(flight)), news_(flight_->info_.loop) {
  flight_->waiters_.push_back(*this);
}

Flight::Waiter::~Waiter() {
  unlink();
  flight_->stop_keeping_if_unwanted();
}

Flight::Flight(const Request& like, const Keeping& keeping, ForAll is_for_all,
               std::function<void()> close)
    : keeping_(keeping),
      is_for_all_(std::move(is_for_all)),
      close_(std::move(close)),
      connection_(like.info.connection),
      info_(like.info.loop, connection_),
      scope_(info_.started),
      request_(http::RequestHead(like), http::Body(), interim_, scope_, info_),
      task_(info_.loop) {
  info_.take_after(like.info);
  info_.cluster = like.info.cluster;
  info_.trace = like.info.trace;
  info_.client_body.end(info_.started);
}

Task<> Flight::run(http::Next next) {
  Reply reply = co_await next(request_);
  close();
  settle(std::move(reply));
}

void Flight::close() {
  if (const auto close = std::exchange(close_, nullptr)) close();
}

void Flight::settle(Reply reply) {
  is_shared_ = is_for_all_(reply);
  if (reply) {
    scope_.outcome.status = reply->status;
    if (!reply->body.is_empty()) reply->body = http::Body(new ToItsEnd(std::move(reply->body)));
    recording_.emplace(info_.loop, std::move(reply->body), is_shared_ ? keeping_.max_body : 0,
                       keeping_.files);
  } else {
    end(reply.error().reason);
  }
  reply_.emplace(std::move(reply));
  for (Waiter* each = waiters_.front(); each; each = waiters_.after(*each)) each->news_.set();
}

std::optional<Reply> Flight::reply_for(Request& request, bool is_first) {
  if (!is_first && !is_shared_) return std::nullopt;
  tell(request.info);
  if (!reply_->ok()) return Reply(reply_->error());
  if (!recording_->is_intact()) return std::nullopt;
  const Response& from = **reply_;
  Response response;
  response.status = from.status;
  response.headers = from.headers;
  response.is_from_upstream = from.is_from_upstream;
  response.reason = from.reason;
  http::Body cursor = recording_->cursor();
  if (cursor.is_empty())
    end(Reason::none);
  else
    response.body = http::Body(new Source(shared_from_this(), std::move(cursor), request.info));
  return Reply(std::move(response));
}

void Flight::tell(http::StreamInfo& info) const {
  info.route = info_.route;
  info.cluster = info_.cluster;
  info.rewritten_host = info_.rewritten_host;
  info.attempt = info_.attempt;
  info.other_attempts = info_.other_attempts;
  info.attempts = info_.attempts;
  info.retry_denied = info_.retry_denied;
}

// Once all have begun to read it, nobody reads it from its start.
void Flight::stop_keeping_if_unwanted() {
  if (recording_ && waiters_.empty()) recording_->stop();
}

void Flight::end(Reason reason) {
  scope_.outcome.reason = reason;
  scope_.end();
}

}  // namespace filters
