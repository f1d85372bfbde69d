// Keeps silent event streams alive where something on their way would take silence for death: a
// comment goes out, which clients skip (WHATWG HTML 9.2). It counts as bytes that moved, so no idle
// time ends such a stream either.
#include "filters/event_stream.hpp"
#include "filters/registry.hpp"
#include "proxy/base/ascii.hpp"
#include "proxy/base/within.hpp"

#include <optional>

namespace filters {
namespace {

using base::Bytes;
using base::Millis;
using base::Result;
using base::Task;
using http::Name;
using http::Next;
using http::Reply;
using http::Request;

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

struct Options {
  Millis interval{15'000};
};

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      duration<Options>("interval", &Options::interval, "15s",
                        "of silence before a comment, and between two", Zero::refused),
  };
  return rows;
}

// An event stream as the client reads it. What the upstream was asked for goes on being waited for
// while comments go out.
class Beating final : public http::WrappedSource {
 public:
  Beating(http::Body inner, Millis interval, base::Loop& loop)
      : WrappedSource(std::move(inner)), interval_(interval), loop_(loop) {}
  ~Beating() override { begun_.reset(); }  // before what it reads

  Task<Result<Bytes>> read() override {
    for (;;) {
      if (!begun_) begun_.emplace(inner_.read());
      base::FixedLimit limit(loop_, loop_.now() + interval_);
      co_await base::within(fetch(), limit);
      if (come_) {
        Result<Bytes> piece = take();
        if (!is_mark_only_) co_return piece;
      } else if (position_.is_between_events()) {
        if (!has_begun_) mark_left_ = byte_order_mark;
        co_return Bytes::of_literal(":\n\n");
      }
    }
  }

 private:
  // What comes at the very moment at which the time is over is not lost.
  Task<bool> fetch() {
    come_ = co_await begun_->result();
    co_return true;
  }
  Result<Bytes> take() {
    begun_.reset();
    Result<Bytes> piece = std::move(*come_);
    come_.reset();
    has_begun_ = true;
    if (piece) drop_mark(*piece);
    if (piece) position_.pass(piece->view());
    return piece;
  }
  // A byte order mark counts at the very start only, and there a comment stands by now.
  void drop_mark(Bytes& piece) {
    const bool was_empty = piece.empty();
    while (!mark_left_.empty() && !piece.empty() && piece.view().front() == mark_left_.front()) {
      mark_left_.remove_prefix(1);
      piece.remove_prefix(1);
    }
    is_mark_only_ = piece.empty() && !was_empty;
    if (!is_mark_only_) mark_left_ = {};
  }

  const Millis interval_;
  base::Loop& loop_;
  EventStreamPosition position_;
  bool has_begun_ = false;      // the upstream's bytes have
  std::string_view mark_left_;  // that is to be dropped, if it comes
  bool is_mark_only_ = false;   // what came last
  std::optional<Result<Bytes>> come_;
  std::optional<base::Begun<Result<Bytes>>> begun_;
};

// Whether comments may be added: a whole stream of events as text, of no declared length.
bool takes_comments(const http::Response& response) {
  if (response.status != 200 || response.body.is_empty()) return false;
  if (response.headers.contains(Name::content_length)) return false;
  const auto coding = response.headers.find("content-encoding");
  if (coding && !base::same_ignoring_case(*coding, "identity")) return false;
  const auto type = response.headers.find(Name::content_type);
  return type && base::same_ignoring_case(base::trim(type->substr(0, type->find(';'))),
                                          "text/event-stream");
}

class Heartbeat final : public http::Filter {
 public:
  Heartbeat(const Options& options, base::Loop& loop) : options_(options), loop_(loop) {}

  Task<Reply> handle(Request& request, Next next) override {
    Reply reply = co_await next(request);
    if (reply && takes_comments(*reply))
      reply->body = http::Body(new Beating(std::move(reply->body), options_.interval, loop_));
    co_return reply;
  }

 private:
  const Options& options_;
  base::Loop& loop_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("heartbeat", "comments into silent event streams");

}  // namespace

const Entry heartbeat = {&spec,
                         [](const config::FilterConfig& config, const FilterContext& context) {
                           return std::unique_ptr<http::Filter>(
                               std::make_unique<Heartbeat>(config.as<Options>(), context.loop));
                         }};

}  // namespace filters
