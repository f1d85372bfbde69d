// What control does with circuit breakers that an operator holds by hand, and says of them.
#include "filters/registry.hpp"
#include "proxy/process/control.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace process {
namespace {

std::string name_of(const filters::HeldBreaker& held) {
  return "the circuit breaker of " + held.place + (held.part.empty() ? "" : "/" + held.part);
}

// Which there are.
std::string those_of(const std::vector<filters::BreakerStatus>& breakers) {
  constexpr std::size_t most = 20;
  std::string words;
  for (std::size_t i = 0; i < std::min(breakers.size(), most); ++i)
    words.append(i == 0 ? ": there is \"" : ", \"").append(breakers[i].place).append("\"");
  if (breakers.size() > most)
    words += " and " + std::to_string(breakers.size() - most) + " more, as `outrider status` says";
  return words.empty() ? ": there is none" : words;
}

}  // namespace

std::string Control::set_breaker(std::string_view place, std::string_view mode) {
  if (!filters::set_breaker(shared_.filter_state, place, mode, loop_.now()))
    return "there is no circuit breaker of \"" + std::string(place) + '"' +
           those_of(filters::breakers(shared_.filter_state, loop_.now()));
  log_.warning("the circuit breaker of " + std::string(place) +
               (mode == "auto" ? " goes by outcomes again"
                               : " is held " + std::string(mode) + " by hand"));
  return {};
}

// What an operator said of them to the process before this one.
void Control::tell_held_breakers() {
  for (const filters::HeldBreaker& each : std::exchange(held_breakers_, {})) {
    if (!filters::has_breaker(*plan_->config, each.place))
      tell_gone(each);
    else if (each.mode == "auto")
      log_.info(name_of(each) + " goes by outcomes, as it was told by hand");
    else
      log_.warning(name_of(each) + " stays held " + each.mode + " by hand");
  }
}

// Those whose place that configuration had, and this one has not. Found before workers could let go of them.
void Control::tell_breakers_gone(const std::vector<filters::HeldBreaker>& held,
                                 const config::Config& before) {
  for (const filters::HeldBreaker& each : held)
    if (filters::has_breaker(before, each.place) &&
        !filters::has_breaker(*plan_->config, each.place))
      tell_gone(each);
}

void Control::tell_gone(const filters::HeldBreaker& held) {
  if (held.mode == "auto") return;
  log_.warning(name_of(held) + " was held " + held.mode +
               " by hand, and is not in this configuration");
}

}  // namespace process
