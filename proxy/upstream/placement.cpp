#include "proxy/upstream/placement.hpp"

#include "proxy/upstream/client_pools.hpp"

#include <algorithm>
#include <utility>

namespace upstream {

using base::Error;
using base::Result;
using base::Task;
using base::Time;

namespace {

// It is the endpoint that cannot be connected to, not the pool that is full.
bool is_outage(const Error& error, const Endpoint& endpoint) {
  return endpoint.outage() && endpoint.outage()->error().reason == error.reason;
}

Error too_many_clients() {
  Error error{base::Reason::pool_full, base::Fault::proxy,
              "as many clients have connections of their own as `pool.connections` says"};
  error.unsent = true;
  return error;
}

// The client's own deadline says nothing of the endpoint.
bool says_nothing(const http::Outcome& outcome, const http::StreamInfo& info) {
  return outcome.reason == base::Reason::total_timeout && info.now() >= info.end_by();
}

// An exchange that waits until an endpoint can be connected to, or has waited enough, or has gone.
class Held {
 public:
  Held(http::Attempt& attempt, const base::Loop& loop)
      : attempt_(attempt), loop_(loop), since_(loop.now()) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { attempt_.held_time += loop_.now() - since_; }

 private:
  http::Attempt& attempt_;
  const base::Loop& loop_;
  const Time since_;
};

// What comes behind a head counts as what stands for it: a call that broke off was reset.
class AtTheEnd final : public http::Guard {
 public:
  AtTheEnd(Cluster& cluster, base::Ref<Endpoint> endpoint, const http::StreamInfo& info,
           base::Duration took)
      : cluster_(cluster), endpoint_(std::move(endpoint)), info_(info), took_(took) {}

  void ended(const http::Outcome& outcome) noexcept override {
    if (says_nothing(outcome, info_)) return;
    http::Outcome seen = outcome;
    if (outcome.reason != base::Reason::none) seen = {outcome.reason};
    if (outcome.reason == base::Reason::response_aborted) seen.reason = base::Reason::reset;
    cluster_.answered(*endpoint_, seen, base::Reason::none, took_);
  }

 private:
  Cluster& cluster_;
  const base::Ref<Endpoint> endpoint_;
  const http::StreamInfo& info_;
  const base::Duration took_;  // to its head
};

}  // namespace

Task<Result<Opened>> Placement::open(Want want) {
  if (!cluster_.is_known()) return open_when_known(want);
  Task<Result<Opened>> first = ask(want);
  const Result<Opened>* now = first.value();
  if (now && now->ok()) return first;
  return search(want, std::move(first));
}

Task<Result<Opened>> Placement::open_when_known(Want want) {
  co_await cluster_.known(deadline_);
  co_return co_await search(want, ask(want));
}

Task<Result<base::Ref<Endpoint>>> Placement::choose() {
  if (!cluster_.is_known()) co_await cluster_.known(deadline_);
  const Result<Endpoint*> picked = pick();
  if (!picked) co_return picked.error();
  co_return endpoint_;
}

Task<Result<Opened>> Placement::ask(Want want) {
  const Result<Endpoint*> picked = pick();
  if (!picked) return Result<Opened>(picked.error());
  Pool* const chosen = pool();
  if (!chosen) return Result<Opened>(too_many_clients());
  return chosen->open(want, deadline_);
}

Task<Result<Opened>> Placement::search(Want want, Task<Result<Opened>> first) {
  Result<Opened> opened = co_await first;
  while (!opened && endpoint_ && is_outage(opened.error(), *endpoint_)) {
    cluster_.refused(*endpoint_, opened.error().reason);
    if (!cluster_.is_reachable()) {
      const Time until = std::min(deadline_, cluster_.held_until());
      if (until <= cluster_.loop().now()) break;
      const bool came = co_await held(until);
      opened.error().untried = false;
      if (!came) break;
    }
    if (attempt_.gate) http::tell_ended(attempt_.gate, {opened.error().reason});
    opened = co_await ask(want);
  }
  co_return opened;
}

Task<bool> Placement::held(Time until) {
  const Held held(attempt_, cluster_.loop());
  co_return co_await cluster_.reachable(until);
}

// With the PROXY protocol a connection names one client, who has a pool of its own.
Pool* Placement::pool() const {
  if (!endpoint_->by_client) return endpoint_->pool.get();
  return endpoint_->by_client->of(client_header(cluster_.config().proxy_protocol, info_));
}

Result<Endpoint*> Placement::pick() {
  Result<Endpoint*> picked =
      cluster_.pick({attempt_.avoid, attempt_.gate, hash_, cluster_.loop().now()});
  if (!picked) return picked;
  endpoint_ = base::Ref<Endpoint>(**picked);
  attempt_.chosen = *picked;
  attempt_.has_alternatives = cluster_.has_alternatives();
  attempt_.endpoint = endpoint_->text;
  return picked;
}

void Placement::ended(base::Reason told_by_proxy) {
  if (says_nothing(attempt_.outcome, info_)) return;
  cluster_.answered(*endpoint_, attempt_.outcome, told_by_proxy, time_to_head());
}

std::unique_ptr<http::Guard> Placement::at_the_end() const {
  return std::make_unique<AtTheEnd>(cluster_, endpoint_, info_, time_to_head());
}

base::Duration Placement::time_to_head() const {
  const base::Time until =
      attempt_.first_byte == base::never ? cluster_.loop().now() : attempt_.first_byte;
  const base::Time since = attempt_.sent == base::never ? attempt_.connected : attempt_.sent;
  return until - since;
}

void Placement::pin(http::Response& response, const http::StreamInfo& info) {
  const Affinity* affinity = cluster_.affinity();
  if (!affinity || !affinity->sets_cookie() || hash_) return;
  const std::uint64_t pin = cluster_.pin_to(*endpoint_);
  response.headers.add("set-cookie", affinity->cookie_of(pin, info.connection.is_tls));
}

}  // namespace upstream
