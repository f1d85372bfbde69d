// Answers in another way when what stands below cannot: with fixed words, with the last good answer
// to the same question, or by another cluster. The reason in the log stays what failed.
#include "config/conditions.hpp"
#include "config/respond.hpp"
#include "filters/attempts.hpp"
#include "filters/deadline.hpp"
#include "filters/registry.hpp"
#include "filters/retry_options.hpp"
#include "filters/stale_store.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/grpc.hpp"
#include "proxy/http/recorder.hpp"

namespace filters {
namespace {

using base::Bytes;
using base::Millis;
using base::Reason;
using base::Result;
using base::Task;
using http::Next;
using http::Reply;
using http::Request;
using http::Response;
using http::Try;

constexpr std::uint64_t longest_replay = 64 * 1024;

struct Stale {
  Millis max_age{300'000};
  std::uint64_t max_size = 16 * 1024 * 1024;
};

struct Options {
  config::Conditions when{"503",         "504",          "connect",   "timeout",  "refused",
                          "no_endpoint", "circuit_open", "pool_full", "throttled"};
  std::optional<config::Respond> respond;
  std::optional<Stale> stale;
  std::string to;
};

// After these nothing can be answered, or already was.
const std::vector<Reason> too_late = {Reason::client_gone, Reason::response_aborted,
                                      Reason::budget_exhausted, Reason::outrun};

const config::Table<Stale>& stale_table() {
  using namespace config;
  static const Table<Stale> rows = {
      duration<Stale>("max_age", &Stale::max_age, "5m", "at most so old", Zero::refused),
      size<Stale>("max_size", &Stale::max_size, "16MiB", "of all that is kept", Zero::refused),
  };
  return rows;
}

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      {"when", "a list of conditions",
       "[503, 504, connect, timeout, refused, no_endpoint, circuit_open, pool_full, throttled]",
       "what it helps with",
       [](const Node& node, const Reading& reading, Options& into) {
         read_conditions(node, reading, too_late, into.when, "comes too late for another answer");
       },
       [](const Options& options) { return list_of(options.when.texts()); }},
      nested<Options>("respond", &Options::respond, respond_table(), "with this answer"),
      nested<Options>("stale", &Options::stale, stale_table(), "with the last good answer"),
      text<Options>("to", &Options::to, "", "by this cluster, what may be sent again"),
  };
  return rows;
}

void check(const config::Node& node, const config::Reading& reading, const Options& options) {
  const int ways = options.respond.has_value() + options.stale.has_value() + !options.to.empty();
  if (ways != 1) reading.mistake(node, "a fallback has exactly one of `respond`, `stale` and `to`");
  if (options.respond)
    if (std::string problem = config::respond_problem(*options.respond); !problem.empty())
      reading.mistake(node, std::move(problem));
}

bool means(const config::Conditions& when, const Reply& reply) {
  if (!reply) return when.matches(reply.error().reason);
  return reply->is_from_upstream && when.matches_status(http::status_by_meaning(*reply));
}

// What the log is to say: why it was not answered in the usual way.
Reason reason_of(const Reply& cause) {
  return cause ? cause->reason : cause.error().reason;
}

// For whoever asks why it was answered so.
http::FellBack tell(http::StreamInfo& info, std::string_view way, const Reply& cause) {
  return info.fell_back = {way, info.cluster, reason_of(cause), cause ? cause->status : 0};
}

class WithRespond final : public http::Filter {
 public:
  explicit WithRespond(const Options& options)
      : options_(options), body_(Bytes::copy_of(options.respond->body)) {}

  Task<Reply> handle(Request& request, Next next) override {
    request.info.fell_back = {};  // of an earlier attempt
    Reply reply = co_await next(request);
    if (!means(options_.when, reply)) co_return reply;
    tell(request.info, "respond", reply);
    co_return answer(reason_of(reply));
  }

 private:
  Response answer(Reason cause) const {
    const config::Respond& respond = *options_.respond;
    Response response;
    response.status = respond.status;
    response.is_from_upstream = false;
    response.reason = cause;
    for (const auto& [name, value] : respond.headers) response.headers.add(name, value);
    if (respond.body.empty() && !http::may_have_content(respond.status, http::Method::get))
      return response;
    response.headers.set(http::Name::content_length, std::to_string(respond.body.size()));
    response.body = http::Body::of(body_);
    return response;
  }

  const Options& options_;
  // What a slow client has not taken of it outlives the configuration.
  const Bytes body_;
};

// Keeps what it hands on.
class KeepingBody final : public http::WrappedSource {
 public:
  KeepingBody(http::Body inner, std::unique_ptr<StaleStore::Draft> draft, base::Loop& loop)
      : WrappedSource(std::move(inner)), draft_(std::move(draft)), loop_(loop) {}

  Task<Result<Bytes>> read() override {
    if (!draft_) return inner_.read();
    return keeping();
  }

 private:
  Task<Result<Bytes>> keeping() {
    Result<Bytes> piece = co_await inner_.read();
    if (piece && piece->empty()) draft_->keep(loop_.now());
    const bool goes_on = piece && !piece->empty() && draft_->add(piece->view());
    if (!goes_on) draft_.reset();
    co_return piece;
  }

  std::unique_ptr<StaleStore::Draft> draft_;  // null = it is not kept
  base::Loop& loop_;
};

class WithStale final : public http::Filter {
 public:
  WithStale(const Options& options, std::shared_ptr<StaleStore> store)
      : options_(options), store_(std::move(store)) {}

  Task<Reply> handle(Request& request, Next next) override {
    request.info.fell_back = {};  // of an earlier attempt
    if (!StaleStore::takes(request)) return next(request);
    return with_store(request, next);
  }

 private:
  Task<Reply> with_store(Request& request, Next next) {
    std::string key = StaleStore::key_of(request);
    Reply reply = co_await next(request);
    if (means(options_.when, reply)) {
      const auto kept = store_->find(key, request, request.info.now());
      if (kept) {
        tell(request.info, "stale", reply);
        co_return answer(*kept, reply, request.info);
      }
    } else if (reply && StaleStore::takes(*reply)) {
      keep(*reply, request, std::move(key));
    }
    co_return reply;
  }

  void keep(Response& response, const Request& request, std::string key) {
    auto draft = std::make_unique<StaleStore::Draft>(*store_, std::move(key), request, response);
    if (response.body.is_empty()) return draft->keep(request.info.now());
    response.body =
        http::Body(new KeepingBody(std::move(response.body), std::move(draft), request.info.loop));
  }

  // RFC 9211 2.
  static Response answer(const StaleStore::Answer& kept, const Reply& cause,
                         const http::StreamInfo& info) {
    Response response;
    response.status = 200;
    response.is_from_upstream = false;
    response.reason = reason_of(cause);
    for (const auto& [name, value] : kept.headers) response.headers.add(name, value);
    const auto age =
        std::chrono::duration_cast<std::chrono::seconds>(info.now() - kept.kept + kept.age);
    response.headers.add("age", std::to_string(age.count()));
    const std::string detail =
        cause ? std::to_string(cause->status) : std::string(base::to_string(cause.error().reason));
    response.headers.add("cache-status", "outrider; hit; detail=\"" + detail + '"');
    if (kept.body.empty()) return response;
    response.headers.set(http::Name::content_length, std::to_string(kept.body.size()));
    response.body = http::Body::of(Bytes::copy_of(kept.body));
    return response;
  }

  const Options& options_;
  const std::shared_ptr<StaleStore> store_;
};

// What failed is over before the other cluster is asked, and holds nothing any more.
class WithCluster final : public http::Filter {
 public:
  WithCluster(const Options& options, const FilterContext& context)
      : options_(options), around_(*context.around) {}

  Task<Reply> handle(Request& request, Next next) override {
    request.info.fell_back = {};  // of an earlier attempt
    http::Recording recording(request.info.loop, std::move(request.body), longest_replay);
    auto first = std::make_unique<Try>(request.info, request.scope);
    Request usual = request.fork(*first, recording.cursor());
    Reply reply = co_await next(usual);
    http::Handler* other = other_for(request, reply);
    if (!other || !recording.is_intact()) {
      recording.stop();
      co_return concluded(std::move(reply), std::move(first));
    }
    http::FellBack own = tell(request.info, "to", reply);
    const auto error = reply ? std::nullopt : std::optional(reply.error());
    give_up(std::move(reply), std::move(first));
    auto second = std::make_unique<Try>(request.info, request.scope);
    Request again = request.fork(*second, recording.cursor());
    recording.stop();
    pass_deadline_on(again);
    const std::string_view usual_cluster = std::exchange(request.info.cluster, options_.to);
    Reply answer = co_await other->handle(again);
    own.has_failed = !answer;
    request.info.fell_back = own;  // the other cluster's chain may have one as well
    if (answer) answer->reason = own.reason;
    if (!answer && error) {
      request.info.cluster = usual_cluster;
      answer = *error;
    }
    co_return concluded(std::move(answer), std::move(second));
  }

 private:
  // Null: the reply stands.
  http::Handler* other_for(const Request& request, const Reply& reply) const {
    const RetryMethods idempotent;
    if (!means(options_.when, reply) || !idempotent.let_repeat(request, reply)) return nullptr;
    return &around_.chain_of(options_.to);
  }

  const Options& options_;
  Surroundings& around_;
};

constexpr config::FilterSpec spec = config::handing_over(
    config::spec_of<table, check>("fallback", "answers in another way when the upstream cannot"),
    [](const void* options) -> std::string_view {
      return static_cast<const Options*>(options)->to;
    });

std::unique_ptr<http::Filter> make_fallback(const config::FilterConfig& config,
                                            const FilterContext& context) {
  const Options& options = config.as<Options>();
  if (options.respond) return std::make_unique<WithRespond>(options);
  if (!options.stale) return std::make_unique<WithCluster>(options, context);
  auto store = context.process<StaleStore>("fallback", [&] {
    return std::make_shared<StaleStore>(options.stale->max_age, options.stale->max_size);
  });
  return std::make_unique<WithStale>(options, std::move(store));
}

}  // namespace

const Entry fallback = {&spec, make_fallback};

}  // namespace filters
