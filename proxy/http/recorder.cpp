#include "proxy/http/recorder.hpp"

namespace http {

class Recording::Cursor final : public OwnedSource {
 public:
  explicit Cursor(std::shared_ptr<Tape> tape) : tape_(std::move(tape)) {}

  Task<Result<Bytes>> read() override {
    if (next_ < tape_->pieces.size()) return base::just(Result<Bytes>(tape_->pieces[next_++]));
    if (tape_->failure) return base::just(Result<Bytes>(*tape_->failure));
    if (tape_->has_ended) return base::just(Result<Bytes>(Bytes()));
    return read_on();
  }
  const Headers& trailers() const override { return tape_->source.trailers(); }
  std::optional<std::uint64_t> size() const override { return tape_->source.size(); }

 private:
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
    Tape& tape = *tape_;
    tape.bytes += piece.size();
    if (tape.bytes > tape.limit) {
      tape.is_intact = false;
      tape.pieces.clear();
      next_ = 0;
    }
    if (!tape.is_intact) return;
    tape.pieces.push_back(Bytes::copy_of(piece.view()));
    next_ = tape.pieces.size();
  }

  std::shared_ptr<Tape> tape_;
  std::size_t next_ = 0;
};

Recording::Recording(Body body, std::size_t limit) {
  if (body.is_empty()) return;
  tape_ = std::make_shared<Tape>();
  tape_->source = std::move(body);
  tape_->limit = limit;
}

Body Recording::cursor() { return tape_ ? Body(new Cursor(tape_)) : Body(); }

}  // namespace http
