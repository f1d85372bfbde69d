#include "proxy/upstream/outage.hpp"

#include <algorithm>

namespace upstream {
namespace {

constexpr base::Millis first_pause{50};
constexpr base::Millis longest_pause{1000};
constexpr base::Millis lasting_pause{10'000};
constexpr base::Millis relapse{1000};
constexpr std::uint32_t most_pause_doublings = 5;

}  // namespace

void Outage::failed(const base::Error& error, base::Time begun, base::Time now) {
  if (is_on() && begun <= failed_at_) return;
  if (!is_on()) {
    const bool goes_on = failures_before_ > 0 && (is_resting_ || now <= ended_at_ + relapse);
    is_resting_ = false;
    if (goes_on)
      failures_ = failures_before_;
    else
      since_ = begun;
  }
  ++failures_;
  failed_at_ = now;
  error_ = error;
}

base::Time Outage::next_attempt(bool is_wanted) const {
  if (error_.lasting && !is_wanted) return failed_at_ + lasting_pause;
  return failed_at_ +
         std::min(first_pause * (1 << std::min(failures_ - 1, most_pause_doublings)), longest_pause);
}

}  // namespace upstream
