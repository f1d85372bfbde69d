// The same bytes cut in every way: the verdict must not change.
#pragma once

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/http1/verdicts.hpp"

namespace http1 {

using Verdict = std::function<std::string(const std::vector<std::string_view>&)>;

// Cut once at every byte, and at all of them. What is long is cut at every byte of its ends, and here
// and there in between.
inline void every_split(std::string_view wire, const Verdict& verdict) {
  constexpr std::size_t end = 300;
  const std::size_t stride = wire.size() > 2000 ? wire.size() / 50 : 1;
  const std::string whole = verdict({wire});
  for (std::size_t cut = 1; cut < wire.size(); ++cut) {
    if (cut > end && cut + end < wire.size() && cut % stride != 0) continue;
    INFO("cut at " << cut << " of " << wire.size());
    REQUIRE(verdict({wire.substr(0, cut), wire.substr(cut)}) == whole);
  }
  std::vector<std::string_view> bytes;
  for (std::size_t i = 0; i < wire.size(); ++i) bytes.push_back(wire.substr(i, 1));
  CHECK(verdict(bytes) == whole);
}

}  // namespace http1
