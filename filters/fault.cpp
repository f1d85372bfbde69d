// Chaos on purpose: delays, resets, answers with an error, each for a share of the requests. For
// what stands above it, the answer is an upstream's.
#include "filters/registry.hpp"
#include "proxy/base/event.hpp"
#include "proxy/http/local_reply.hpp"

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
struct Options {
  Delay delay;
  Reset reset;
  Abort abort;
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

const config::Table<Options>& table() {
  using namespace config;
  static const Table<Options> rows = {
      nested<Options>("delay", &Options::delay, delay_table(), "wait first"),
      nested<Options>("reset", &Options::reset, reset_table(), "as if the upstream had reset"),
      nested<Options>("abort", &Options::abort, abort_table(), "answer with an error"),
      integer<Options>("seed", &Options::seed, 0, UINT32_MAX, "0", "of chance; 0 = random"),
  };
  return rows;
}

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
    if (!strikes(options_.abort.sample)) return next(request);
    Error error{Reason::fault, Fault::proxy, "the fault filter answered"};
    error.status = static_cast<std::uint16_t>(options_.abort.status);
    http::Response response = http::local_reply(error, request);
    response.is_from_upstream = true;
    return Reply(std::move(response));
  }

  const Options& options_;
  base::Loop& loop_;
  base::Random random_;
};

constexpr config::FilterSpec spec =
    config::spec_of<table>("fault", "delays, resets and errors on purpose");

}  // namespace

const Entry fault = {&spec, [](const config::FilterConfig& config, const FilterContext& context) {
                       return std::unique_ptr<http::Filter>(
                           std::make_unique<FaultFilter>(config.as<Options>(), context.loop));
                     }};

}  // namespace filters
