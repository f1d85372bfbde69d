// Chaos on purpose: delays, resets, answers with an error, bodies that are slow or cut, each for a
// share of the requests. For what stands above it, the answer is an upstream's.
#include "filters/registry.hpp"
#include "proxy/base/event.hpp"
#include "proxy/http/local_reply.hpp"

#include <algorithm>

namespace filters {
namespace {

using base::Error;
using base::Fault;
using base::Millis;
using base::Reason;
using base::Task;
using http::Next;
using http::Reply;
using http::Request;

struct Delay {
  Millis length{0};
  std::uint32_t sample = 0;  // in 1/100 %
};
struct Reset {
  std::uint32_t sample = 0;
};
struct Abort {
  std::uint64_t status = 503;
  std::uint32_t sample = 0;
};
struct SickBody {
  std::uint64_t rate = 0;       // bytes a second; 0 = as it comes
  std::uint64_t cut_after = 0;  // bytes; 0 = it is not cut
  std::uint32_t sample = 0;
};
struct Options {
  Delay delay;
  Reset reset;
  Abort abort;
  SickBody body;
  std::uint64_t seed = 0;
};

template <typename Struct> config::Field<Struct> sample() {
  return config::required(
      config::percentage<Struct>("sample", &Struct::sample, "", "the share of the requests"));
}

const config::Table<Delay>& delay_table() {
  using namespace config;
  static const Table<Delay> rows = {
      required(duration<Delay>("for", &Delay::length, "", "how long")),
      sample<Delay>(),
  };
  return rows;
}

const config::Table<Reset>& reset_table() {
  static const config::Table<Reset> rows = {sample<Reset>()};
  return rows;
}

const config::Table<Abort>& abort_table() {
  using namespace config;
  static const Table<Abort> rows = {
      required(integer<Abort>("status", &Abort::status, 200, 599, "", "the answer's status")),
      sample<Abort>(),
  };
  return rows;
}

const config::Table<SickBody>& body_table() {
  using namespace config;
  static const Table<SickBody> rows = {
      size<SickBody>("rate", &SickBody::rate, "0", "so much of it a second; 0 = as it comes"),
      size<SickBody>("cut_after", &SickBody::cut_after, "0", "then the upstream seems to break off; "
                                                             "0 = never"),
      sample<SickBody>(),
  };
  return rows;
}

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      nested<Options>("delay", &Options::delay, delay_table(), "wait first"),
      nested<Options>("reset", &Options::reset, reset_table(), "as if the upstream had reset"),
      nested<Options>("abort", &Options::abort, abort_table(), "answer with an error"),
      nested<Options>("body", &Options::body, body_table(), "slow down or cut the answer"),
      integer<Options>("seed", &Options::seed, 0, UINT32_MAX, "0", "of chance; 0 = random"),
  };
  return rows;
}

void check(const config::Node& node, const config::Reading& reading, const Options& options) {
  const config::Node* body = node.find("body");
  if (body && options.body.rate == 0 && options.body.cut_after == 0)
    reading.mistake(*body, "this changes nothing: say `rate` or `cut_after`");
}

// An answer's body from an upstream that is slow, or breaks off.
class Sick final : public http::WrappedSource {
 public:
  Sick(http::Body inner, const SickBody& options, base::Loop& loop)
      : WrappedSource(std::move(inner)), options_(options), loop_(loop) {}

  Task<base::Result<base::Bytes>> read() override {
    if (options_.cut_after > 0 && passed_ >= options_.cut_after)
      co_return Error{Reason::reset, Fault::upstream, "the fault filter cut it"};
    if (held_.empty()) {
      base::Result<base::Bytes> piece = co_await inner_.read();
      if (!piece || piece->empty()) co_return piece;
      held_ = std::move(*piece);
    }
    base::Bytes piece = held_.take_prefix(next_size());
    passed_ += piece.size();
    if (options_.rate > 0) co_await base::sleep_until(loop_, loop_.now() + time_for(piece.size()));
    co_return piece;
  }

 private:
  static constexpr std::uint64_t pieces_a_second = 10;

  std::size_t next_size() const {
    std::uint64_t size = held_.size();
    if (options_.rate > 0)
      size = std::min(size, std::max<std::uint64_t>(options_.rate / pieces_a_second, 1));
    if (options_.cut_after > 0) size = std::min(size, options_.cut_after - passed_);
    return static_cast<std::size_t>(size);
  }
  base::Duration time_for(std::size_t size) const {
    return std::chrono::microseconds(size * 1'000'000 / options_.rate);
  }

  const SickBody options_;  // its own: a slow client may outlast the configuration
  base::Loop& loop_;
  base::Bytes held_;
  std::uint64_t passed_ = 0;
};

class FaultFilter final : public http::Filter {
 public:
  FaultFilter(const Options& options, base::Loop& loop)
      : options_(options),
        loop_(loop),
        random_(options.seed ? options.seed : loop.random().next()) {}

  Task<Reply> handle(Request& request, Next next) override {
    if (strikes(options_.delay.sample)) return delayed(request, next);
    return without_delay(request, next);
  }

 private:
  bool strikes(std::uint32_t share) { return share > 0 && random_.below(10'000) < share; }

  Task<Reply> delayed(Request& request, Next next) {
    co_await base::sleep_until(loop_, loop_.now() + options_.delay.length);
    co_return co_await without_delay(request, next);
  }

  Task<Reply> without_delay(Request& request, Next next) {
    if (strikes(options_.reset.sample))
      return Reply(Error{Reason::reset, Fault::upstream, "the fault filter reset it"});
    if (strikes(options_.abort.sample)) return aborted(request);
    if (strikes(options_.body.sample) && !request.asks_for_tunnel()) return sick(request, next);
    return next(request);
  }

  Task<Reply> aborted(Request& request) {
    Error error{Reason::fault, Fault::proxy, "the fault filter answered"};
    error.status = static_cast<std::uint16_t>(options_.abort.status);
    http::Response response = http::local_reply(error, request);
    response.is_from_upstream = true;
    return Reply(std::move(response));
  }

  Task<Reply> sick(Request& request, Next next) {
    Reply reply = co_await next(request);
    if (reply && !reply->body.is_empty())
      reply->body = http::Body(new Sick(std::move(reply->body), options_.body, loop_));
    co_return reply;
  }

  const Options& options_;
  base::Loop& loop_;
  base::Random random_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table, check>("fault", "delays, resets, errors and sick bodies on purpose");

}  // namespace

const Entry fault = {&spec, [](const config::FilterConfig& config, const FilterContext& context) {
                       return std::unique_ptr<http::Filter>(
                           std::make_unique<FaultFilter>(config.as<Options>(), context.loop));
                     }};

}  // namespace filters
