#include "proxy/http/recorder.hpp"

#include "proxy/base/event.hpp"
#include "proxy/base/link.hpp"
#include "proxy/base/memory_pressure.hpp"
#include "proxy/base/spill_file.hpp"

#include <algorithm>
#include <deque>

namespace http {
namespace {

constexpr std::uint64_t most_in_memory = 1024 * 1024;
constexpr std::uint64_t least_to_rewind = 16 * 1024;

const Error cannot_replay{Reason::internal, Fault::proxy, "the recorded body cannot be read"};
const Error fell_behind{Reason::internal, Fault::proxy, "an attempt took the body too slowly"};

}  // namespace

// What was read of the body, by its place in it: [begin_, end_), first in memory, then in the file,
// then, when the body has outgrown its bound, again in memory, for as long as somebody lags.
class Recording::Tape {
 public:
  Tape(base::Loop& on, Body body, std::uint64_t limit)
      : loop(on), source(std::move(body)), limit_(limit) {}

  // What was kept from `at` on, in part; `at` < end().
  Result<Bytes> piece_at(std::uint64_t at) const;
  void keep(const Bytes& piece);
  void give_up() { is_intact_ = false; }
  // Forgets what every cursor has behind it.
  void trim();
  void wake_readers();

  bool is_intact() const { return is_intact_; }
  bool has_no_room() const { return has_no_room_; }
  bool keeps_much() const { return limit_ >= least_to_rewind; }
  std::uint64_t end() const { return end_; }

  base::Loop& loop;
  Body source;
  base::List<Cursor> cursors;
  std::optional<Error> failure;
  bool has_ended = false;
  bool is_being_read = false;  // by one cursor for all

 private:
  struct Kept {
    std::uint64_t begin;
    Bytes bytes;
    std::uint64_t end() const { return begin + bytes.size(); }
  };
  bool keep_for_good(const Bytes& piece);

  const std::uint64_t limit_;
  std::deque<Kept> pieces_;
  std::uint64_t file_begin_ = 0;
  base::SpillFile beyond_;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  bool is_intact_ = true;
  bool has_no_room_ = false;
};

class Recording::Cursor final : public OwnedSource, public base::Link {
 public:
  explicit Cursor(std::shared_ptr<Tape> tape) : tape_(std::move(tape)), news_(tape_->loop) {
    tape_->cursors.push_back(*this);
  }
  ~Cursor() override {
    unlink();
    tape_->trim();
  }

  Task<Result<Bytes>> read() override {
    if (std::optional<Result<Bytes>> known = next_known()) return std::move(*known);
    return read_on();
  }
  const Headers& trailers() const override { return tape_->source.trailers(); }
  std::optional<std::uint64_t> size() const override { return tape_->source.size(); }
  bool can_rewind() const override { return tape_->keeps_much() && tape_->is_intact(); }
  void rewind() override { at_ = 0; }

  std::uint64_t at() const { return at_; }
  void wake() { news_.set(); }

 private:
  // While one cursor reads for all; also a read that is given up has its end.
  class Reading {
   public:
    explicit Reading(Tape& tape) : tape_(tape) { tape_.is_being_read = true; }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;
    ~Reading() {
      tape_.is_being_read = false;
      tape_.wake_readers();
    }

   private:
    Tape& tape_;
  };

  std::optional<Result<Bytes>> next_known() {
    if (at_ < tape_->end()) {
      Result<Bytes> piece = tape_->piece_at(at_);
      if (piece) pass(piece->size());
      return piece;
    }
    if (tape_->failure) return Result<Bytes>(*tape_->failure);
    if (tape_->has_ended) return Result<Bytes>(Bytes());
    return std::nullopt;
  }

  // Kept before it is handed out, so that whoever is cut off then has lost nothing.
  Task<Result<Bytes>> read_on() {
    while (tape_->is_being_read) {
      co_await news_.wait();
      std::optional<Result<Bytes>> known = next_known();
      if (known) co_return std::move(*known);
    }
    const Reading reading(*tape_);
    Result<Bytes> piece = co_await tape_->source.read();
    if (!piece) {
      tape_->failure = piece.error();
    } else if (piece->empty()) {
      tape_->has_ended = true;
    } else {
      tape_->keep(*piece);
      pass(piece->size());
    }
    co_return piece;
  }

  void pass(std::size_t count) {
    at_ += count;
    tape_->trim();
  }

  std::shared_ptr<Tape> tape_;
  base::Event news_;
  std::uint64_t at_ = 0;
};

Result<Bytes> Recording::Tape::piece_at(std::uint64_t at) const {
  if (at < begin_) return fell_behind;
  const auto behind =
      std::upper_bound(pieces_.begin(), pieces_.end(), at,
                       [](std::uint64_t place, const Kept& kept) { return place < kept.begin; });
  if (behind != pieces_.begin()) {
    const Kept& kept = *std::prev(behind);
    if (at < kept.end()) return kept.bytes.slice(at - kept.begin, kept.end() - at);
  }
  std::optional<Bytes> piece = beyond_.read(at - file_begin_);
  if (!piece) return cannot_replay;
  return std::move(*piece);
}

void Recording::Tape::keep(const Bytes& piece) {
  is_intact_ = is_intact_ && keep_for_good(piece);
  const bool is_for_others = cursors.front() != cursors.back();
  if (!is_intact_ && is_for_others) pieces_.push_back({end_, piece});
  end_ += piece.size();
}

// What is kept for another attempt that may never be made is the first to go when memory is short.
bool Recording::Tape::keep_for_good(const Bytes& piece) {
  if (base::memory_is_short()) return false;
  if (end_ + piece.size() > limit_) return false;
  if (beyond_.size() > 0 || end_ + piece.size() > most_in_memory) {
    if (beyond_.size() == 0) file_begin_ = end_;
    has_no_room_ = !beyond_.append(piece.view());
    return !has_no_room_;
  }
  if (!pieces_.empty() && pieces_.back().bytes.append(piece.view()))
    return true;  // many small ones
  pieces_.push_back({end_, piece});
  pieces_.back().bytes.compact();
  return true;
}

void Recording::Tape::trim() {
  if (is_intact_) return;
  const std::uint64_t longest_lag = std::min(limit_, most_in_memory);
  begin_ = end_;
  for (const Cursor* each = cursors.front(); each; each = cursors.after(*each))
    if (end_ - each->at() <= longest_lag) begin_ = std::min(begin_, each->at());
  while (!pieces_.empty() && pieces_.front().end() <= begin_) pieces_.pop_front();
}

void Recording::Tape::wake_readers() {
  for (Cursor* each = cursors.front(); each; each = cursors.after(*each)) each->wake();
}

Recording::Recording(base::Loop& loop, Body body, std::uint64_t limit) {
  if (!body.is_empty()) tape_ = std::make_shared<Tape>(loop, std::move(body), limit);
}

Body Recording::cursor() {
  return tape_ ? Body(new Cursor(tape_)) : Body();
}

bool Recording::is_intact() const {
  return !tape_ || tape_->is_intact();
}

bool Recording::has_no_room() const {
  return tape_ && tape_->has_no_room();
}

void Recording::stop() {
  if (!tape_) return;
  tape_->give_up();
  tape_->trim();
}

}  // namespace http
