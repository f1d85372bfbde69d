#include "certs/tickets.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using certs::TicketKey;
using certs::TicketKeys;
using std::chrono::hours;
using std::chrono::seconds;

std::string name_of(const TicketKey& key) { return {key.name.begin(), key.name.end()}; }

struct Keys {
  std::string seal(TicketKeys::Time now) { return name_of(keys.to_seal(now).value()); }
  bool opens(const TicketKey& key, TicketKeys::Time now) {
    const auto found = keys.to_open(key.name.data(), now);
    return found && found->mac == key.mac && found->cipher == key.cipher;
  }

  TicketKeys keys;
  const TicketKeys::Time start{hours(1'000)};
};

TEST_CASE_FIXTURE(Keys, "tickets: a key seals for twelve hours") {
  const std::string first = seal(start);
  CHECK(seal(start + hours(12) - seconds(1)) == first);
  const std::string second = seal(start + hours(12));
  CHECK(second != first);
  CHECK(seal(start + hours(24) - seconds(1)) == second);
  CHECK(seal(start + hours(24)) != second);
}

TEST_CASE_FIXTURE(Keys, "tickets: and opens for twelve more") {
  const TicketKey first = *keys.to_seal(start);
  CHECK(opens(first, start + hours(12)));
  CHECK(opens(first, start + hours(24) - seconds(1)));
  CHECK(!opens(first, start + hours(24)));
}

TEST_CASE_FIXTURE(Keys, "tickets: a key that nobody asked for in time opens nothing") {
  const TicketKey first = *keys.to_seal(start);
  SUBCASE("asked for between the twelve hours") { CHECK(opens(first, start + hours(20))); }
  SUBCASE("first asked for when it is over") {}
  CHECK(!opens(first, start + hours(48)));
  CHECK(seal(start + hours(48)) != name_of(first));
}

TEST_CASE_FIXTURE(Keys, "tickets: a key of another process, or a changed name, opens nothing") {
  TicketKeys others;
  const TicketKey foreign = *others.to_seal(start);
  TicketKey changed = *keys.to_seal(start);
  CHECK(opens(changed, start));
  changed.name[15] ^= 1;
  CHECK(!opens(foreign, start));
  CHECK(!opens(changed, start));
}

TEST_CASE_FIXTURE(Keys, "tickets: all threads get the same key") {
  std::vector<std::string> names(4);
  std::vector<std::thread> threads;
  for (std::string& name : names) threads.emplace_back([&] { name = seal(start); });
  for (std::thread& thread : threads) thread.join();
  CHECK(std::set<std::string>(names.begin(), names.end()).size() == 1);
}

}  // namespace
