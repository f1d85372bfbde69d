#include "proxy/process/losses.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace process {
namespace {

constexpr std::chrono::minutes between_tellings{1};

}  // namespace

void Losses::add(std::uint64_t count, const std::string& why) {
  auto cause = std::find_if(causes_.begin(), causes_.end(),
                            [&why](const Cause& each) { return each.why == why; });
  if (cause == causes_.end()) {
    if (causes_.size() < most_causes) causes_.emplace_back();
    cause = std::prev(causes_.end());
    cause->why = why;
  }
  cause->untold += count;
  cause->is_untold = true;
}

void Losses::tell(base::Time now, const Say& say) {
  for (Cause& cause : causes_) {
    if (!cause.is_untold || now < cause.next) continue;
    cause.is_untold = false;
    cause.next = now + between_tellings;
    say(cause.why, std::exchange(cause.untold, 0));
  }
}

void Losses::tell_rest(const Say& say) {
  for (const Cause& cause : causes_)
    if (cause.untold > 0) say(cause.why, cause.untold);
  causes_.clear();
}

}  // namespace process
