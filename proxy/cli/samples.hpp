// The admin side's metrics, read back: what `status` and `top` count with. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cli {

struct Sample {
  std::string_view label(std::string_view which) const;  // "" = it has none such

  std::string name;
  std::map<std::string, std::string, std::less<>> labels;
  double value = 0;
};

// Lines that are no samples are left out.
std::vector<Sample> parse_samples(std::string_view text);

}  // namespace cli
