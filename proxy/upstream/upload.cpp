#include "proxy/upstream/upload.hpp"

#include "proxy/http/pump.hpp"

namespace upstream {
namespace {

using http::Bytes;
using http::Result;
using http::Task;

constexpr std::size_t most_kept = 16 * 1024;
constexpr std::chrono::seconds patience{1};  // with an upstream that does not say 100

}  // namespace

Upload::Upload(base::Loop& loop, http::Body body, http::Interim& interim)
    : loop_(loop),
      body_(std::move(body)),
      interim_(interim),
      continued_(loop),
      is_keeping_(!body_.can_rewind()),
      tasks_(loop) {}

void Upload::start(std::unique_ptr<http::ClientStream> stream, bool asks_first) {
  stream_ = std::move(stream);
  asks_first_ = asks_first;
  tasks_.spawn(run()).release();
}

void Upload::stop() {
  tasks_.cancel_all();
  stream_.reset();
  if (is_keeping_ || !body_.can_rewind()) return;
  body_.rewind();
  has_ended_ = false;
}

void Upload::head_came() {
  has_head_ = true;
  is_keeping_ = false;
  kept_ = std::string();
  if (asks_first_) tasks_.cancel_all();  // it does not want the body
  if (tasks_.empty()) let_go();
}

// What was recorded of the body goes with it, not with a response that may last for hours; but not
// while it may have to be sent again.
void Upload::let_go() {
  if (has_ended_ && has_head_) body_ = http::Body();
}

void Upload::send_interim(int status, const http::Headers& headers) noexcept {
  interim_.send_interim(status, headers);
  if (status != 100) return;
  asks_first_ = false;
  continued_.set();
}

Task<> Upload::run() {
  if (asks_first_) {
    co_await continued_.wait(loop_.now() + patience);
    asks_first_ = false;
  }
  if (!kept_.empty()) {
    Bytes again = Bytes::copy_of(kept_);
    const Result<void> written = co_await stream_->write(std::move(again));
    if (!written) co_return;
  }
  http::Turn turn;
  while (!has_ended_) {
    Result<Bytes> piece = co_await body_.read();
    if (!piece) {
      is_keeping_ = false;
      stream_->abort(piece.error());
      co_return;
    }
    has_ended_ = piece->empty();
    if (has_ended_) break;
    keep(*piece);
    const std::size_t size = piece->size();
    const Result<void> written = co_await stream_->write(std::move(*piece));
    if (!written) co_return;  // whoever reads the response is told why
    if (!turn.is_over_after(size)) continue;
    co_await loop_.yield();
  }
  const Result<void> finished = stream_->finish(body_.trailers());
  (void)finished;  // likewise
  let_go();
}

void Upload::keep(const Bytes& piece) {
  if (!is_keeping_) return;
  is_keeping_ = kept_.size() + piece.size() <= most_kept;
  if (is_keeping_)
    kept_.append(piece.view());
  else
    kept_ = std::string();
}

}  // namespace upstream
