#include "proxy/simulate/traffic.hpp"

#include <algorithm>
#include <cmath>

namespace simulate {
namespace {

using base::Duration;

// What a route asks for, as far as it is not an expression: "*" and "/*" stand for anything.
Asked asked_by(const config::Listener& listener, const config::Route& route) {
  const config::Match& match = route.match;
  Asked asked;
  asked.listener = listener.name;
  if (!match.method.empty()) asked.method = match.method.front();
  if (!match.host.empty()) asked.host = match.host.front();
  if (asked.host.starts_with("*.")) asked.host.replace(0, 1, "any");
  if (!match.path.empty()) asked.path = match.path.front();
  if (asked.path.ends_with("/*")) asked.path.replace(asked.path.size() - 1, 1, "any");
  const auto any = [](const std::string& value) { return value == "*" ? "any" : value; };
  for (const auto& [name, value] : match.query)
    asked.path += (asked.path.find('?') == asked.path.npos ? "?" : "&") + name + "=" + any(value);
  for (const auto& [name, value] : match.headers) asked.headers.emplace_back(name, any(value));
  if (match.is_grpc) {
    asked.method = "POST";
    asked.headers.emplace_back("content-type", "application/grpc");
  }
  return asked;
}

class ByRate final : public Traffic {
 public:
  ByRate(const Scenario& scenario, std::vector<Asked> asked, std::size_t clients)
      : scenario_(scenario), asked_(std::move(asked)), clients_(clients), random_(scenario.seed) {
    for (const Asked& each : asked_) weight_ += each.weight;
  }

  std::optional<Arrival> next() override {
    if (scenario_.arrivals == Arrivals::together) return next_together();
    at_ += gap(scenario_.arrivals == Arrivals::poisson ? -std::log(1 - random_.unit()) : 1.0);
    return Arrival{at_, random_.below(clients_), draw()};
  }

 private:
  std::optional<Arrival> next_together() {
    if (client_ == clients_) {
      client_ = 0;
      at_ += gap(static_cast<double>(clients_));
    }
    return Arrival{at_, client_++, draw()};
  }
  // Until so many have come.
  Duration gap(double requests) const {
    double a_second = static_cast<double>(scenario_.rate.count) * 1'000.0 /
                      static_cast<double>(scenario_.rate.per.count());
    for (const Happening& each : scenario_.happenings)
      if (each.what == Trouble::surge && at_ >= each.at && at_ < each.end())
        a_second *= static_cast<double>(each.factor);
    const std::chrono::duration<double> exact(requests / a_second);
    return std::max(std::chrono::duration_cast<Duration>(exact), Duration{1});  // time goes on
  }
  const Asked* draw() {
    if (asked_.size() == 1) return &asked_.front();
    std::uint64_t drawn = random_.below(weight_);
    for (const Asked& each : asked_) {
      if (drawn < each.weight) return &each;
      drawn -= each.weight;
    }
    return &asked_.back();
  }

  const Scenario& scenario_;
  const std::vector<Asked> asked_;
  const std::size_t clients_;
  base::Random random_;
  std::uint64_t weight_ = 0;
  Duration at_{};
  std::size_t client_ = 0;
};

}  // namespace

std::vector<Asked> ask_each_route(const config::Config& config) {
  std::vector<Asked> all;
  for (const config::Listener& listener : config.listeners) {
    if (!listener.carries_requests()) continue;
    for (const config::Route& route : listener.routes)
      if (!route.to.empty() && route.match.path_regex.empty())
        all.push_back(asked_by(listener, route));
  }
  return all;
}

std::unique_ptr<Traffic> make_traffic(const Scenario& scenario, std::vector<Asked> asked,
                                      std::size_t clients) {
  return std::make_unique<ByRate>(scenario, std::move(asked), clients);
}

}  // namespace simulate
