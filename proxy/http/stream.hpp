// One request and its response on one connection, whichever version of HTTP the connection speaks.
// ServerStream is the downstream side, used by the exchange; ClientStream the upstream side, used by
// the end of the chain. One thread.
#pragma once

#include <memory>
#include <optional>

#include "proxy/http/body.hpp"
#include "proxy/http/interim.hpp"
#include "proxy/http/message.hpp"

namespace http {

// Where the body of one message is written, after its head.
class Sink {
 public:
  // Resumes when the piece was taken (not: written), so a slow peer stops the writer. Up to 16 KiB
  // this normally does not suspend; bytes leave with the turn's flush.
  virtual Task<Result<void>> write(Bytes piece) = 0;
  // The message is complete. Trailers are sent where the version and the framing allow them.
  virtual Result<void> finish(const Headers& trailers) = 0;

 protected:
  ~Sink() = default;
};

// What came in: a head and a body, or why it could not be read.
struct Incoming {
  RequestHead head;
  Body body;
  std::optional<Error> refused;  // answer with this; `head` holds what was understood
};

class ServerStream : public Sink, public Interim {
 public:
  virtual const ConnectionInfo& connection() const = 0;
  // Queues the head; `ends`: no body follows, finish() is not called. Once only. The stream decides
  // the framing: content-length if the headers have it, else chunked / DATA / until close.
  virtual Result<void> send_head(const Response& response, bool ends) = 0;
  // After send_head(): whether finish()'s trailers will reach the client.
  virtual bool carries_trailers() const = 0;
  // After send_head(): the message cannot be completed. Visibly cut: RST_STREAM, or a close without
  // the last chunk.
  virtual void abort(const Error& why) noexcept = 0;
  // When the client last took some of what it was sent.
  virtual base::Time last_taken() const = 0;
  // Why the task that serves it is destroyed, if that was not asked for.
  virtual base::Reason left_by() const { return base::Reason::client_gone; }

 protected:
  ~ServerStream() = default;
};

// How long a connection that has not asked for anything yet may still do so when its listener
// drains: whoever has just connected cannot know of it.
constexpr base::Millis last_chance{1'000};

// Serves requests: implemented by the listener.
class Service {
 public:
  // Runs one exchange from head to log line. The stream outlives the task. Destroying the task is
  // how a client that left is told. What `incoming` holds is taken as the task starts.
  virtual Task<> serve(Incoming&& incoming, ServerStream& stream) = 0;
  // Connections are to be closed when they can be: `connection: close`, GOAWAY.
  virtual bool is_draining() const = 0;

 protected:
  ~Service() = default;
};

// An upstream stream that a pool handed out. It is also the source of the response's body: after
// read_head() it may be given to a Body, which owns it. Destroyed before both messages were complete,
// it resets its stream (HTTP/2) or closes its connection (HTTP/1).
class ClientStream : public OwnedSource, public Sink {
 public:
  // From now on what it carries of bodies is counted there; outlives the stream.
  void count(BodyBytes& bytes) { bytes_ = &bytes; }
  // Queues the head; `ends`: no body follows. The error says `unsent`: the pool repeats it elsewhere.
  virtual Result<void> send_head(const RequestHead& head, bool ends) = 0;
  // Whether a request that has a `protocol` can be asked here; over HTTP/2 it waits for the peer's
  // SETTINGS, which say so (RFC 8441 3). Before send_head(). The error: the connection was lost.
  virtual Task<Result<bool>> takes_upgrades() { return Result<bool>(true); }
  // The final head; 1xx before it go to `interim`. The response's body is left empty: the caller
  // makes this stream its source unless has_body() is false.
  virtual Task<Reply> read_head(Interim& interim) = 0;
  virtual bool has_body() const = 0;
  // Of a tunnel, after finish(): resumes when all has left, or cannot any more.
  virtual Task<Result<void>> flushed() { return Result<void>(); }
  // The request cannot be completed (its body failed): resets, and read_head()/read() return `why`.
  virtual void abort(const Error& why) noexcept = 0;

 protected:
  void has_sent(std::size_t size) {
    if (bytes_) bytes_->sent += size;
  }
  void has_received(std::size_t size) {
    if (bytes_) bytes_->received += size;
  }

 private:
  BodyBytes* bytes_ = nullptr;
};

}  // namespace http
