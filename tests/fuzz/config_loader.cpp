// Any text as a configuration: a configuration or mistakes, never both, never neither, no crash. Files
// and variables are not reached: what names them is left out.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.hpp"
#include "filters/registry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("${") != text.npos || text.find("include") != text.npos) return 0;
  static const auto specs = filters::specs();
  const config::Loaded loaded = config::load_text("fuzz.yaml", text, specs);
  if ((loaded.config != nullptr) != loaded.mistakes.empty()) std::abort();
  for (const config::Mistake& mistake : loaded.mistakes)
    if (mistake.to_string().empty()) std::abort();
  return 0;
}
