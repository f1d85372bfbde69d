#include "proxy/http/body.hpp"

namespace http {
namespace {

const Headers no_trailers;

class Whole final : public OwnedSource {
 public:
  explicit Whole(Bytes bytes, Headers trailers = {})
      : bytes_(std::move(bytes)), size_(bytes_.size()), trailers_(std::move(trailers)) {}
  Task<Result<Bytes>> read() override { return Result<Bytes>(std::exchange(bytes_, Bytes())); }
  std::optional<std::uint64_t> size() const override { return size_; }
  const Headers& trailers() const override { return trailers_; }

 private:
  Bytes bytes_;
  std::uint64_t size_;
  Headers trailers_;
};

}  // namespace

const Headers& Body::Source::trailers() const {
  return no_trailers;
}

Body Body::of(Bytes bytes) {
  return bytes.empty() ? Body() : Body(new Whole(std::move(bytes)));
}

Body Body::of(Bytes bytes, Headers trailers) {
  return Body(new Whole(std::move(bytes), std::move(trailers)));
}

Task<Result<Bytes>> Body::read() {
  return source_ ? source_->read() : Result<Bytes>(Bytes());
}

Task<Result<void>> Body::rest() {
  return source_ ? source_->rest() : Result<void>();
}

const Headers& Body::trailers() const {
  return source_ ? source_->trailers() : no_trailers;
}

std::optional<std::uint64_t> Body::size() const {
  return source_ ? source_->size() : std::optional<std::uint64_t>(0);
}

}  // namespace http
