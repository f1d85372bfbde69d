#include "proxy/server/lost_clients.hpp"

#include "proxy/base/number_of.hpp"

#include <algorithm>
#include <utility>

namespace server {
namespace {

constexpr base::Millis a_second{1'000};

}  // namespace

LostClients::LostClients(base::Loop& loop, std::string listener, base::Log& log,
                         stats::Registry& metrics, std::size_t shard)
    : loop_(loop),
      listener_(std::move(listener)),
      log_(log),
      proxy_headers_(metrics.counter("outrider_downstream_proxy_header_failures_total",
                                     "PROXY headers that did not come, or were none.",
                                     {{"listener", listener_}})),
      shard_(shard) {
  for (std::size_t i = 0; i < counters_.size(); ++i)
    counters_[i] = &metrics.counter(
        "outrider_downstream_tls_failures_total", "TLS handshakes with clients that failed.",
        {{"listener", listener_}, {"reason", to_string(static_cast<net::TlsFailure>(i))}});
}

void LostClients::add(const net::FailedHandshake& failed, const base::Address& source) {
  counters_[static_cast<std::size_t>(failed.failure)]->add(shard_);
  if (failed.is_silent || !may_tell(untold_)) return;
  tell("TLS with " + source.to_string() + " failed: " + std::string(to_string(failed.failure)) +
       ": " + describe(failed.failure, failed.error));
}

// Whoever leaves without a word only looked whether somebody is there.
void LostClients::add(const base::Error& failed, const base::Address& source) {
  proxy_headers_.add(shard_);
  if (failed.reason != base::Reason::client_gone && may_tell(untold_))
    tell("no PROXY header from " + source.to_string() + ": " + std::string(failed.detail));
}

void LostClients::refused_session(const base::Address& source, std::uint64_t taken) {
  const bool is_told =
      std::find(without_session_.begin(), without_session_.end(), source) != without_session_.end();
  if (is_told || !may_tell(untold_datagrams_)) return;
  without_session_.push_back(source);
  const std::string why =
      taken > 0 ? "all " + std::to_string(taken) + " are taken; `udp.sessions` may be raised"
                : "a bound of `limits` was reached";
  tell("no session for " + source.to_string() + ": " + why);
}

// To be asked before the words are made: whoever floods pays for them otherwise.
bool LostClients::may_tell(std::uint64_t& untold) {
  if (told_ == 0) loop_.arm(*this, loop_.now() + a_second);
  const bool may = told_ < most_lines;
  ++(may ? told_ : untold);
  return may;
}

void LostClients::tell(const std::string& what) {
  log_.warning("listener " + listener_ + ": " + what);
}

void LostClients::expired() {
  told_ = 0;
  without_session_.clear();
  if (const std::uint64_t untold = std::exchange(untold_, 0); untold > 0)
    tell(base::number_of(untold, "more client") +
         " came to nothing within a second; see "
         "outrider_downstream_tls_failures_total and "
         "outrider_downstream_proxy_header_failures_total");
  if (const std::uint64_t untold = std::exchange(untold_datagrams_, 0); untold > 0)
    tell(base::number_of(untold, "more datagram") +
         " came within a second from clients that got no session; see "
         "outrider_datagrams_dropped_total; `udp.sessions` or `limits` may be raised");
}

std::shared_ptr<LostClients> AllLostClients::of(const std::string& listener) {
  std::erase_if(by_name_, [](const auto& each) { return each.second.expired(); });
  std::weak_ptr<LostClients>& known = by_name_[listener];
  std::shared_ptr<LostClients> held = known.lock();
  if (!held)
    known = held = std::make_shared<LostClients>(loop_, listener, log_, metrics_, shard_);
  return held;
}

}  // namespace server
