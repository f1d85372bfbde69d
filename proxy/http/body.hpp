// One message's bytes, pulled by one reader. Whoever reads sets the pace, and not reading is the
// backpressure, for HTTP/1, HTTP/2 and tunnels alike.
//
//   for (;;) {
//     auto piece = co_await body.read();
//     if (!piece) co_return piece.error();      // the message is cut: never pass it on as complete
//     if (piece->empty()) break;                // the end; body.trailers() is final now
//     ...
//   }
//
// A Body dropped before its end resets its stream, or keeps its connection from being used again.
// One thread.
#pragma once

#include "proxy/base/bytes.hpp"
#include "proxy/base/error.hpp"
#include "proxy/base/pool.hpp"
#include "proxy/base/task.hpp"
#include "proxy/http/headers.hpp"

#include <cstdint>
#include <memory>
#include <optional>

namespace http {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;

class Body {
 public:
  // Where the bytes come from. One read at a time; after an error or the end there is no other.
  class Source {
   public:
    virtual Task<Result<Bytes>> read() = 0;  // empty = the end
    virtual const Headers& trailers() const;
    virtual std::optional<std::uint64_t> size() const {
      return std::nullopt;
    }  // exact, if declared
    // Whether rewind() makes it be read from its start again, what was read being kept anyway: of
    // a body that was not read yet, that it will be able to after some 16 KiB at least.
    virtual bool can_rewind() const { return false; }
    virtual void rewind() {}
    // After the end: of a tunnel, whose other direction may go on, the end of that too, or why it
    // was cut.
    virtual Task<Result<void>> rest() { return Result<void>(); }
    // The reader is gone; whether the end was reached the source knows. At once. A source that is
    // owned by its Body deletes itself here.
    virtual void drop() noexcept = 0;

   protected:
    virtual ~Source() = default;
  };

  Body() = default;  // no body: the message ends with its head
  // The Body owns the source in so far as it will drop() it.
  explicit Body(Source* source) : source_(source) {}
  Body(Body&& other) noexcept : source_(std::exchange(other.source_, nullptr)) {}
  Body& operator=(Body&& other) noexcept {
    std::swap(source_, other.source_);
    return *this;
  }
  ~Body() {
    if (source_) source_->drop();
  }

  static Body of(Bytes bytes);                    // these bytes, and their size
  static Body of(Bytes bytes, Headers trailers);  // also if there are no bytes

  bool is_empty() const { return !source_; }  // there is none, and never was
  Task<Result<Bytes>> read();
  Task<Result<void>> rest();
  const Headers& trailers() const;
  std::optional<std::uint64_t> size() const;
  bool can_rewind() const { return source_ && source_->can_rewind(); }
  void rewind() { source_->rewind(); }

 private:
  Source* source_ = nullptr;
};

// A source that its Body owns, from the pool.
class OwnedSource : public Body::Source, public base::Pooled {
 public:
  void drop() noexcept override { delete this; }
};

// A source that reads another body and may change what it says.
class WrappedSource : public OwnedSource {
 public:
  explicit WrappedSource(Body inner) : inner_(std::move(inner)) {}
  Task<Result<void>> rest() override { return inner_.rest(); }
  const Headers& trailers() const override { return inner_.trailers(); }
  std::optional<std::uint64_t> size() const override { return inner_.size(); }

 protected:
  Body inner_;
};

}  // namespace http
