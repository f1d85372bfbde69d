#include "proxy/server/mirror_filter.hpp"

#include <string>
#include <utility>
#include <vector>

namespace server {
namespace {

using base::Bytes;
using base::Result;
using base::Task;
using http::Mirrored;

constexpr std::uint64_t largest_body = 64 * 1024;

// What was kept of a body, once more.
class KeptBody final : public http::OwnedSource {
 public:
  KeptBody(std::vector<Bytes> pieces, http::Headers trailers)
      : pieces_(std::move(pieces)), trailers_(std::move(trailers)) {
    for (const Bytes& piece : pieces_) size_ += piece.size();
  }
  Task<Result<Bytes>> read() override {
    if (at_ == pieces_.size()) return Result<Bytes>(Bytes());
    return Result<Bytes>(std::move(pieces_[at_++]));
  }
  const http::Headers& trailers() const override { return trailers_; }
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  std::vector<Bytes> pieces_;
  std::size_t at_ = 0;
  std::uint64_t size_ = 0;
  const http::Headers trailers_;
};

stats::Counter& dropped(stats::Registry& metrics, const MirrorFilter::Place& place,
                        std::string_view cluster, std::string_view reason) {
  return metrics.counter("outrider_mirrored_dropped_total",
                         "Copies of requests that were not sent, by why not.",
                         {{"listener", place.listener},
                          {"route", place.route},
                          {"cluster", cluster},
                          {"reason", reason}});
}

}  // namespace

// The body of a request that is drawn, as it goes by.
class MirrorFilter::Copied final : public http::WrappedSource {
 public:
  Copied(http::Request& request, MirrorFilter& filter)
      : WrappedSource(std::move(request.body)),
        filter_(filter),
        head_(request),
        info_(request.info) {}

  Task<Result<Bytes>> read() override {
    if (!is_keeping_) return inner_.read();
    return kept();
  }
  bool can_rewind() const override { return inner_.can_rewind(); }
  void rewind() override {
    inner_.rewind();
    pieces_.clear();
    size_ = 0;
  }

 private:
  Task<Result<Bytes>> kept() {
    Result<Bytes> piece = co_await inner_.read();
    if (piece && piece->empty()) {
      is_keeping_ = false;
      http::Body body(new KeptBody(std::move(pieces_), inner_.trailers()));
      filter_.send(std::move(head_), std::move(body), info_);
    } else if (piece) {
      keep(*piece);
    }
    co_return piece;
  }

  void keep(const Bytes& piece) {
    size_ += piece.size();
    if (size_ > largest_body) {
      is_keeping_ = false;
      pieces_.clear();
      return filter_.drop_too_large(info_);
    }
    if (!pieces_.empty() && pieces_.back().append(piece.view())) return;
    pieces_.push_back(piece);
    pieces_.back().compact();
  }

  MirrorFilter& filter_;
  http::RequestHead head_;
  http::StreamInfo& info_;
  std::vector<Bytes> pieces_;
  std::uint64_t size_ = 0;
  bool is_keeping_ = true;
};

MirrorFilter::MirrorFilter(const config::Mirror& mirror, const Place& place,
                           stats::Registry& metrics, std::size_t shard)
    : mirror_(mirror),
      place_(place),
      shard_(shard),
      sent_(metrics.counter(
          "outrider_mirrored_total", "Copies of requests that were sent.",
          {{"listener", place.listener}, {"route", place.route}, {"cluster", mirror.to}})),
      dropped_full_(dropped(metrics, place, mirror.to, "full")),
      dropped_too_large_(dropped(metrics, place, mirror.to, "too_large")) {}

// The bytes of a tunnel are for one peer.
bool MirrorFilter::is_meant(const http::Request& request) const {
  http::StreamInfo& info = request.info;
  if (info.mirrored == Mirrored::not_drawn) {
    const bool is_drawn =
        mirror_.sample == 10'000 || info.loop.random().below(10'000) < mirror_.sample;
    info.mirrored =
        is_drawn && !request.asks_for_tunnel() ? Mirrored::meant : Mirrored::not_meant;
  }
  return info.mirrored == Mirrored::meant;
}

void MirrorFilter::copy(http::Request& request) {
  if (!request.body.is_empty())
    request.body = http::Body(new Copied(request, *this));
  else
    send(request, {}, request.info);
}

void MirrorFilter::send(http::RequestHead head, http::Body body, http::StreamInfo& info) {
  if (std::exchange(info.mirrored, Mirrored::done) != Mirrored::meant) return;
  head.headers.remove(http::Name::expect);  // the body is there
  const bool is_sent = place_.mirrors.send({base::Ref<base::Counted>(place_.generation),
                                            place_.shadow, place_.tracer, std::move(head),
                                            std::move(body), info});
  (is_sent ? sent_ : dropped_full_).add(shard_);
}

void MirrorFilter::drop_too_large(http::StreamInfo& info) {
  if (std::exchange(info.mirrored, Mirrored::done) == Mirrored::meant)
    dropped_too_large_.add(shard_);
}

}  // namespace server
