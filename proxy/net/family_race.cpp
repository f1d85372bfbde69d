#include "proxy/net/family_race.hpp"

#include "proxy/base/event.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/connector.hpp"

#include <algorithm>

namespace net {
namespace {

constexpr base::Millis head_start{250};

struct Racer {
  base::Address address;
  bool is_over = false;
  bool is_there = false;
};

base::Task<> run(base::EventLoop& loop, Racer& racer, base::Time until, base::Event& over) {
  const auto opened = co_await connect(loop, racer.address, nullptr, until);
  racer.is_over = true;
  racer.is_there = opened.operator bool();
  over.set();
}

}  // namespace

base::Task<std::optional<IpVersion>> race_families(base::EventLoop& loop, base::Address ipv6,
                                                   base::Address ipv4, base::Time until) {
  Racer first{ipv6};
  Racer second{ipv4};
  base::Event over(loop);
  base::TaskGroup runners(loop);
  runners.spawn(run(loop, first, until, over)).release();
  if (!first.is_over) co_await over.wait(std::min(until, loop.now() + head_start));
  if (first.is_there) co_return IpVersion::ipv6;
  runners.spawn(run(loop, second, until, over)).release();
  while (!first.is_there && !second.is_there && !(first.is_over && second.is_over)) {
    const bool came = co_await over.wait(until);
    if (!came) break;
  }
  if (first.is_there) co_return IpVersion::ipv6;
  if (second.is_there) co_return IpVersion::ipv4;
  co_return std::nullopt;
}

}  // namespace net
