#include "proxy/server/neighbours.hpp"

namespace server {

Neighbours::Member::Member(Neighbours& all, net::Lingering& lingering)
    : all_(all), lingering_(lingering) {
  const std::lock_guard lock(all_.mutex_);
  all_.members_.push_back(this);
}

Neighbours::Member::~Member() {
  const std::lock_guard lock(all_.mutex_);
  std::erase(all_.members_, this);
}

void Neighbours::Member::make_room(const std::optional<base::Address>& source) {
  is_asked_ = false;
  if (!source || all_.limits_.is_full())
    lingering_.end_oldest();
  else
    lingering_.end_oldest_of(*source);
}

// A loop that has ended runs nothing of what it was given, so the member is there when it is run.
void Neighbours::ask(std::optional<base::Address> source) {
  const std::lock_guard lock(mutex_);
  for (Member* each : members_)
    if (!each->is_asked_.exchange(true))
      each->lingering_.loop().post([each, source] { each->make_room(source); });
}

}  // namespace server
