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

// Keeps a copy of what passes, up to `most_kept`, to send it on another connection.
class Upload::ToUpstream final : public http::Outlet {
 public:
  explicit ToUpstream(Upload& upload) : Outlet(*upload.stream_), upload_(upload) {}
  Task<Result<void>> write(Bytes piece) {
    upload_.keep(piece);
    return Outlet::write(std::move(piece));
  }

 private:
  Upload& upload_;
};

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

// Frees the body, and what a recording keeps of it, once it was sent and the response has begun,
// which may last for hours. Before, the body may have to be sent again.
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
  if (has_ended_) {
    const Result<void> finished = stream_->finish(body_.trailers());
    (void)finished;  // whoever reads the response is told why
  } else {
    const ToUpstream outlet(*this);
    const http::Pumped how = co_await http::pump(body_, outlet, loop_);
    if (how.source) {
      is_keeping_ = false;
      stream_->abort(*how.source);
    }
    has_ended_ = how.read_whole;
  }
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
