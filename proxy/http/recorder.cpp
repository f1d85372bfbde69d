#include "proxy/http/recorder.hpp"

namespace http {
namespace {

constexpr std::uint64_t most_in_memory = 1024 * 1024;

const Error cannot_replay{Reason::internal, Fault::proxy, "the recorded body cannot be read"};

}  // namespace

void Recording::Tape::keep(const Bytes& piece) {
  if (in_memory + beyond.size() + piece.size() > limit) {
    is_intact = false;
  } else if (beyond.size() > 0 || in_memory + piece.size() > most_in_memory) {
    is_intact = beyond.append(piece.view());
  } else {
    in_memory += piece.size();
    if (!pieces.empty() && pieces.back().append(piece.view())) return;  // many small ones
    pieces.push_back(piece);
    pieces.back().compact();
  }
}

class Recording::Cursor final : public OwnedSource {
 public:
  explicit Cursor(std::shared_ptr<Tape> tape) : tape_(std::move(tape)) {}

  Task<Result<Bytes>> read() override {
    if (next_ < tape_->pieces.size()) return base::just(Result<Bytes>(tape_->pieces[next_++]));
    if (offset_ < tape_->beyond.size()) return base::just(read_beyond());
    if (tape_->failure) return base::just(Result<Bytes>(*tape_->failure));
    if (tape_->has_ended) return base::just(Result<Bytes>(Bytes()));
    return read_on();
  }
  const Headers& trailers() const override { return tape_->source.trailers(); }
  std::optional<std::uint64_t> size() const override { return tape_->source.size(); }

 private:
  Result<Bytes> read_beyond() {
    std::optional<Bytes> piece = tape_->beyond.read(offset_);
    if (!piece) return cannot_replay;
    offset_ += piece->size();
    return std::move(*piece);
  }

  // Kept before it is handed out, so that whoever is cut off then has lost nothing.
  Task<Result<Bytes>> read_on() {
    Result<Bytes> piece = co_await tape_->source.read();
    if (!piece)
      tape_->failure = piece.error();
    else if (piece->empty())
      tape_->has_ended = true;
    else
      keep(*piece);
    co_return piece;
  }

  void keep(const Bytes& piece) {
    if (tape_->is_intact) tape_->keep(piece);
    if (!tape_->is_intact) tape_->pieces.clear();
    next_ = tape_->pieces.size();
    offset_ = tape_->beyond.size();
  }

  std::shared_ptr<Tape> tape_;
  std::size_t next_ = 0;
  std::uint64_t offset_ = 0;  // within what is beyond memory
};

Recording::Recording(Body body, std::uint64_t limit) {
  if (body.is_empty()) return;
  tape_ = std::make_shared<Tape>();
  tape_->source = std::move(body);
  tape_->limit = limit;
}

Body Recording::cursor() { return tape_ ? Body(new Cursor(tape_)) : Body(); }

}  // namespace http
