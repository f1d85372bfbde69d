#include "proxy/server/mirrors.hpp"

#include "proxy/base/within.hpp"

#include <utility>

namespace server {
namespace {

constexpr std::size_t most_at_a_time = 100;
constexpr std::uint64_t most_of_an_answer = 1024 * 1024;
constexpr std::chrono::seconds longest{60};

}  // namespace

class Mirrors::Exchange {
 public:
  explicit Exchange(MirroredRequest&& copy, std::size_t& count)
      : generation_(std::move(copy.generation)),
        count_(count),
        chain_(copy.chain),
        tracer_(copy.tracer),
        connection_(copy.like.connection),
        info_(copy.like.loop, connection_),
        scope_(info_.started),
        request_(std::move(copy.head), std::move(copy.body), interim_, scope_, info_) {
    info_.take_after(copy.like);
    info_.kept_request_id = copy.like.kept_request_id;
    info_.trace = copy.like.trace;
    info_.mirrored = http::Mirrored::done;
    info_.client_body.end(info_.started);
    ++count_;
  }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() {
    --count_;
    if (tracer_ && info_.trace.is_sampled())
      tracer_->end_mirror(info_, {request_.method_text(), request_.authority,
                                  request_.path_only(), info_.now()});
  }

  // True: it came to its end.
  base::Task<bool> run() {
    http::Reply reply = co_await chain_.handle(request_);
    if (!reply) {
      end(reply.error().reason);
      co_return false;
    }
    scope_.outcome.status = reply->status;
    for (std::uint64_t size = 0; size <= most_of_an_answer;) {
      base::Result<base::Bytes> piece = co_await reply->body.read();
      if (piece && !piece->empty()) {
        size += piece->size();
        info_.last_byte = info_.now();
        continue;
      }
      end(piece ? base::Reason::none : piece.error().reason);
      co_return true;
    }
    co_return false;
  }

 private:
  void end(base::Reason reason) {
    scope_.outcome.reason = reason;
    scope_.end();
  }

  const base::Ref<base::Counted> generation_;  // dies last
  std::size_t& count_;
  http::Handler& chain_;
  observe::Tracer* const tracer_;
  const http::ConnectionInfo connection_;
  http::NoInterim interim_;
  http::StreamInfo info_;
  http::Scope scope_;
  http::Request request_;
};

bool Mirrors::send(MirroredRequest request) {
  if (count_ >= most_at_a_time) return false;
  tasks_.spawn(run(std::make_unique<Exchange>(std::move(request), count_))).release();
  return true;
}

// The request itself goes first.
base::Task<> Mirrors::run(std::unique_ptr<Exchange> exchange) {
  co_await loop_.yield();
  base::FixedLimit limit(loop_, loop_.now() + longest);
  co_await base::within(exchange->run(), limit);
}

}  // namespace server
