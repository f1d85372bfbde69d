#include "proxy/upstream/first_read.hpp"

namespace upstream {

using http::Bytes;
using http::Result;
using http::Task;

FirstRead::FirstRead(http::Body inner)
    : WrappedSource(std::move(inner)), begun_(std::in_place, inner_.read()) {
  if (!begun_->is_done()) return;
  known_ = begun_->take();
  begun_.reset();
}

Task<Result<Bytes>> FirstRead::read() {
  if (begun_) return go_on();
  if (!known_) return inner_.read();
  Result<Bytes> piece = std::move(*known_);
  known_.reset();
  return piece;
}

Task<Result<Bytes>> FirstRead::go_on() {
  Result<Bytes> piece = co_await begun_->result();
  begun_.reset();
  co_return piece;
}

}  // namespace upstream
