// One endpoint of a service, as a process of its own would be: so many servers behind one queue,
// and what goes wrong with it. When a request will be answered is known as soon as it arrives:
// servers take what waits in its order, and what is to happen was written down before. Work that
// was begun is done to its end, whether or not somebody still waits for it. Owned by the world; one
// thread.
#pragma once

#include "proxy/base/link.hpp"
#include "proxy/base/random.hpp"
#include "proxy/base/time.hpp"
#include "proxy/simulate/scenario.hpp"

#include <array>
#include <cstdint>
#include <deque>
#include <queue>
#include <string>
#include <vector>

namespace simulate {

class Connection;
class Origin;

// When and how a request is answered.
struct Answer {
  base::Time at;
  int status = 200;
  base::Reason reason = base::Reason::none;  // else there is no answer, and that is why
};

// Told of what endpoints get to do.
class OriginObserver {
 public:
  virtual void arrived(const Origin& origin) = 0;

 protected:
  ~OriginObserver() = default;
};

class Origin {
 public:
  // number: among the service's, from 1. Rules and observer outlive it.
  Origin(std::string service, std::size_t number, const ServiceRules& rules, std::uint64_t seed,
         OriginObserver& observer);

  // Before the world begins: it is to happen to this one. The event outlives it.
  void expect(const Happening& event, base::Time begin);
  // It begins now.
  void happens(const Happening& event, base::Time now);

  bool refuses(base::Time now) const { return is_in(Trouble::away, now); }
  // Until when nothing comes back from there; the past: it does.
  base::Time silent_until(base::Time now) const { return end_of(Trouble::silent, now); }

  Answer take(base::Time now);
  // Its client was still there.
  void was_in_time();

  const std::string& service() const { return service_; }
  std::size_t number() const { return number_; }
  std::uint64_t requests() const { return requests_; }
  std::uint64_t connects() const { return connects_; }
  std::uint64_t overflows() const { return overflows_; }  // answered 503, the queue being full
  void was_dialed() { ++connects_; }

  std::vector<Connection*> connections;  // open ones

 private:
  struct Period {
    base::Time from, until;
    std::uint64_t factor;
    std::uint32_t share;
    int status;
    const Happening* event;
    base::Time latest;  // the last end of this one and those before it
  };

  using Periods = std::vector<Period>;  // in the order in which they begin

  const Periods& all_of(Trouble what) const { return periods_[static_cast<std::size_t>(what)]; }
  // Of several at that time the one that began last.
  static const Period* find(const Periods& all, base::Time now);
  const Period* find(Trouble what, base::Time now) const { return find(all_of(what), now); }
  bool is_in(Trouble what, base::Time now) const { return find(what, now) != nullptr; }
  void end_as_recorded(base::Time start, Answer& answer);
  base::Time end_of(Trouble what, base::Time now) const;
  double drawn();  // milliseconds
  base::Duration work(base::Time start);
  base::Time past_pauses(base::Time start, base::Duration work) const;
  std::size_t waiting(base::Time now);
  void set_servers(std::uint64_t count, base::Time now);

  const std::string service_;
  const std::size_t number_;
  const ServiceRules& rules_;
  base::Random random_;
  OriginObserver& observer_;
  std::array<Periods, 8> periods_;  // by what happens then
  Periods recorded_;                // apart: what somebody wrote goes before it
  // When each server is free; the earliest on top. Empty = there are any number.
  std::priority_queue<base::Time, std::vector<base::Time>, std::greater<>> free_;
  std::deque<base::Time> starts_;  // of those that wait for a server
  std::uint64_t surplus_ = 0;      // servers that go as soon as they are free
  std::uint64_t warm_ = 0;         // answers since the cache was lost
  std::uint64_t requests_ = 0;
  std::uint64_t connects_ = 0;
  std::uint64_t overflows_ = 0;
};

}  // namespace simulate
