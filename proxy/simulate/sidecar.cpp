#include "proxy/simulate/sidecar.hpp"

#include "proxy/server/exchange.hpp"

#include <utility>

namespace simulate {
namespace {

constexpr std::size_t memory = std::size_t{1} << 30;  // of which nothing is used

// Sees an exchange to its end.
class Watch final : public http::Guard {
 public:
  Watch(ExchangeObserver& observer, const http::StreamInfo& info)
      : observer_(observer), info_(info) {}
  void ended(const http::Outcome&) noexcept override { observer_.ended(info_); }

 private:
  ExchangeObserver& observer_;
  const http::StreamInfo& info_;
};

}  // namespace

// In front of a listener's chain.
class Sidecar::Entrance final : public http::Handler {
 public:
  Entrance(const server::ListenerPolicy& like, ExchangeObserver& observer)
      : policy(like), chain_(*like.chain), observer_(observer) {
    policy.chain = this;
    policy.spectators = nullptr;  // nobody taps, and nobody asks why
  }
  http::Task<http::Reply> handle(http::Request& request) override {
    request.scope.hold(std::make_unique<Watch>(observer_, request.info));
    return chain_.handle(request);
  }

  server::ListenerPolicy policy;

 private:
  http::Handler& chain_;
  ExchangeObserver& observer_;
};

Sidecar::Sidecar(const Surroundings& around, OnBreaker on_breaker)
    : shared_(*around.plan, 1, memory, around.log),
      pools_(around.loop, [&loop = around.loop, &network = around.network] {
        return make_dialer(loop, network);
      }, shared_.cluster_states),
      mirrors_(around.loop),
      lost_clients_(around.loop, around.log, shared_.metrics, 0),
      parts_{around.loop, nullptr, 0, shared_, pools_, lost_clients_, mirrors_} {
  shared_.filter_state.on_breaker = std::move(on_breaker);
  server::Generation::Owner& owner = *this;
  generation_ = std::make_unique<server::Generation>(parts_, around.plan, owner);
  present_ = base::Ref<server::Generation>(*generation_);
  while (!generation_->build()) {
  }
  for (std::size_t i = 0; i < around.plan->listeners.size(); ++i)
    entrances_.push_back(std::make_unique<Entrance>(generation_->policy(i), around.observer));
}

// The loop would tell the generation that nobody keeps it, after it has gone.
Sidecar::~Sidecar() {
  present_ = {};
  parts_.loop.settle();
}

base::Task<> Sidecar::serve(std::size_t listener, http::Incoming incoming,
                            http::ServerStream& stream) {
  server::Exchange exchange(base::Ref<base::Counted>(*generation_), entrances_[listener]->policy,
                            std::move(incoming), stream);
  co_await exchange.run();
}

}  // namespace simulate
