// A hash that is the same in every process and on every machine, so that several sidecars come to
// the same choice: FNV-1a, its bits mixed. Not against who wants collisions.
#pragma once

#include <cstdint>
#include <string_view>

namespace base {

// All bits of the result depend on all of the argument's (the finalizer of SplitMix64).
constexpr std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

constexpr std::uint64_t stable_hash(std::string_view text, std::uint64_t seed = 0) {
  std::uint64_t hash = 0xcbf29ce484222325ULL ^ mixed(seed);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return mixed(hash);
}

}  // namespace base
