#include "proxy/http/recorder.hpp"

#include "proxy/base/event.hpp"
#include "proxy/base/link.hpp"
#include "proxy/base/memory_pressure.hpp"
#include "proxy/base/spill_file.hpp"
#include "proxy/base/task_group.hpp"

#include <algorithm>
#include <deque>
#include <limits>

namespace http {
namespace {

constexpr std::uint64_t most_in_memory = 1024 * 1024;
constexpr std::uint64_t most_unwritten = 1024 * 1024;
constexpr std::size_t most_of_a_read = 64 * 1024;
constexpr std::uint64_t least_to_rewind = 16 * 1024;
constexpr std::uint64_t no_bound = std::numeric_limits<std::uint64_t>::max();
constexpr base::Millis pause_before_read{10};

const Error cannot_replay{Reason::internal, Fault::proxy, "the recorded body cannot be read"};
const Error fell_behind{Reason::internal, Fault::proxy, "an attempt took the body too slowly"};

}  // namespace

// What is kept of the body, by its place in it: [begin_, end_). The first of it is in memory, then
// comes what was written to the file, then, in memory again, what waits for that; or, when
// something was lost, what somebody lags behind with.
class Recording::Tape {
 public:
  Tape(base::Loop& on, Body body, std::uint64_t limit, base::Executor* files)
      : loop(on), source(std::move(body)), limit_(limit), files_(files), writing_(on) {}

  // What was kept from `at` on, in part; `at` < end(). Nothing: it is in the file.
  std::optional<Result<Bytes>> piece_at(std::uint64_t at) const;
  bool is_in_file(std::uint64_t at) const { return at >= file_begin_ && at < file_end_; }
  Task<Result<Bytes>> read_back(std::uint64_t at);
  void keep(const Bytes& piece);
  // So much waits for the disk that no more is to be read.
  bool is_behind() const {
    return is_intact_ && is_writing_ && end_ - std::max(begin_, file_end_) > most_unwritten;
  }
  // Nobody else will begin; whoever has is not cut.
  void stop();
  // Once nobody else will begin, forgets what every cursor has behind it; and cuts those for which
  // more than so much would stay in memory.
  void trim(std::uint64_t longest_lag = no_bound);
  void wake_readers();

  bool may_begin() const { return is_intact_ && !is_stopped_; }
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
  bool may_keep(std::size_t size) const;
  std::uint64_t in_memory_from(std::uint64_t at) const;
  void give_up();
  void add(const Bytes& piece);
  const Kept* next_to_write() const;
  void begin_to_write();
  Task<> write();
  void written(std::uint64_t begin, std::size_t size);
  template <typename Job> Task<std::optional<std::invoke_result_t<Job>>> beside(Job job);

  const std::uint64_t limit_;
  base::Executor* const files_;
  std::deque<Kept> pieces_;
  std::shared_ptr<base::SpillFile> file_;  // null = nothing was written yet
  std::uint64_t file_begin_ = 0;
  std::uint64_t file_end_ = 0;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  bool is_intact_ = true;  // false = something could not be kept, and is lost
  bool is_stopped_ = false;
  bool has_no_room_ = false;
  bool is_writing_ = false;
  base::TaskGroup writing_;
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
  bool can_rewind() const override { return tape_->keeps_much() && tape_->may_begin(); }
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

  // Nothing: it is in the file, or has not been read yet.
  std::optional<Result<Bytes>> next_known() {
    if (at_ < tape_->end()) {
      std::optional<Result<Bytes>> piece = tape_->piece_at(at_);
      if (piece && *piece) pass((*piece)->size());
      return piece;
    }
    if (tape_->failure) return Result<Bytes>(*tape_->failure);
    if (tape_->has_ended) return Result<Bytes>(Bytes());
    return std::nullopt;
  }

  // Kept before it is handed out, so that whoever is cut off then has lost nothing.
  Task<Result<Bytes>> read_on() {
    for (;;) {
      if (tape_->is_in_file(at_)) co_return co_await read_back();
      if (!tape_->is_being_read && !tape_->is_behind()) break;
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

  Task<Result<Bytes>> read_back() {
    Result<Bytes> piece = co_await tape_->read_back(at_);
    if (piece) pass(piece->size());
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

std::optional<Result<Bytes>> Recording::Tape::piece_at(std::uint64_t at) const {
  if (at < begin_) return Result<Bytes>(fell_behind);
  const auto behind =
      std::upper_bound(pieces_.begin(), pieces_.end(), at,
                       [](std::uint64_t place, const Kept& kept) { return place < kept.begin; });
  if (behind != pieces_.begin()) {
    const Kept& kept = *std::prev(behind);
    if (at < kept.end()) return Result<Bytes>(kept.bytes.slice(at - kept.begin, kept.end() - at));
  }
  if (is_in_file(at)) return std::nullopt;
  return Result<Bytes>(cannot_replay);
}

Task<Result<Bytes>> Recording::Tape::read_back(std::uint64_t at) {
  const std::uint64_t offset = at - file_begin_;
  const auto most = std::min<std::uint64_t>(file_end_ - at, most_of_a_read);
  const auto read = [file = file_, offset, most] { return file->read(offset, most); };
  for (;;) {
    const auto bytes = co_await beside(read);
    if (bytes && !*bytes) co_return cannot_replay;
    if (bytes) co_return Bytes::copy_of(**bytes);
    co_await base::sleep_until(loop, loop.now() + pause_before_read);  // too many wait by now
  }
}

void Recording::Tape::keep(const Bytes& piece) {
  is_intact_ = is_intact_ && may_keep(piece.size());
  const bool is_for_others = cursors.front() != cursors.back();
  if (may_begin() || is_for_others) add(piece);
  end_ += piece.size();
  if (!is_intact_) trim(std::min(limit_, most_in_memory + most_unwritten));
  begin_to_write();
}

// What is kept for another attempt that may never be made is the first to go when memory is short.
bool Recording::Tape::may_keep(std::size_t size) const {
  return !base::memory_is_short() && end_ + size <= limit_;
}

void Recording::Tape::add(const Bytes& piece) {
  const bool follows = !pieces_.empty() && pieces_.back().end() == end_;
  if (follows && pieces_.back().bytes.append(piece.view())) return;  // many small ones
  pieces_.push_back({end_, piece});
  pieces_.back().bytes.compact();
}

// Null: nothing waits, or nobody will need it. The file has no gaps while somebody needs it.
const Recording::Tape::Kept* Recording::Tape::next_to_write() const {
  if (!is_intact_ || end_ - begin_ <= most_in_memory) return nullptr;
  const bool is_file_needed = begin_ < file_end_;
  const std::uint64_t behind = is_file_needed ? file_end_ : begin_ + most_in_memory;
  const auto found = std::find_if(pieces_.begin(), pieces_.end(),
                                  [behind](const Kept& kept) { return kept.end() > behind; });
  return found == pieces_.end() ? nullptr : &*found;
}

void Recording::Tape::begin_to_write() {
  if (!next_to_write() || std::exchange(is_writing_, true)) return;
  writing_.spawn(write()).release();
}

// Whoever is destroyed meanwhile is not missed: a job holds the file and the bytes that it writes.
Task<> Recording::Tape::write() {
  while (const Kept* next = next_to_write()) {
    const std::uint64_t begin = next->begin;
    const std::size_t size = next->bytes.size();
    if (!file_ || begin != file_end_) {  // what is in the file all have behind them
      file_ = std::make_shared<base::SpillFile>();
      file_begin_ = file_end_ = begin;
    }
    const auto append = [file = file_, bytes = next->bytes] { return file->append(bytes.view()); };
    const std::optional<bool> is_written = co_await beside(append);
    if (is_written && *is_written) {
      written(begin, size);
    } else {
      has_no_room_ = is_written.has_value();
      give_up();
    }
  }
  is_writing_ = false;
}

void Recording::Tape::written(std::uint64_t begin, std::size_t size) {
  std::erase_if(pieces_, [begin](const Kept& kept) { return kept.begin == begin; });
  file_end_ += size;
  wake_readers();
}

template <typename Job>
Task<std::optional<std::invoke_result_t<Job>>> Recording::Tape::beside(Job job) {
  if (files_) co_return co_await files_->run(loop, std::move(job));
  co_return job();
}

void Recording::Tape::give_up() {
  is_intact_ = false;
  trim();
  wake_readers();
}

void Recording::Tape::stop() {
  is_stopped_ = true;
  trim();
  wake_readers();
}

std::uint64_t Recording::Tape::in_memory_from(std::uint64_t at) const {
  const std::uint64_t in_file = file_end_ - std::clamp(at, file_begin_, file_end_);
  return end_ - at - in_file;
}

void Recording::Tape::trim(std::uint64_t longest_lag) {
  if (may_begin()) return;
  std::uint64_t needed = end_;
  for (const Cursor* each = cursors.front(); each; each = cursors.after(*each)) {
    const std::uint64_t at = each->at();
    const bool was_cut = at < begin_;
    if (!was_cut && in_memory_from(at) <= longest_lag) needed = std::min(needed, at);
  }
  begin_ = needed;
  while (!pieces_.empty() && pieces_.front().end() <= begin_) pieces_.pop_front();
}

void Recording::Tape::wake_readers() {
  for (Cursor* each = cursors.front(); each; each = cursors.after(*each)) each->wake();
}

Recording::Recording(base::Loop& loop, Body body, std::uint64_t limit, base::Executor* files) {
  if (!body.is_empty()) tape_ = std::make_shared<Tape>(loop, std::move(body), limit, files);
}

Body Recording::cursor() {
  return tape_ ? Body(new Cursor(tape_)) : Body();
}

bool Recording::is_intact() const {
  return !tape_ || tape_->may_begin();
}

bool Recording::has_no_room() const {
  return tape_ && tape_->has_no_room();
}

void Recording::stop() {
  if (tape_) tape_->stop();
}

}  // namespace http
