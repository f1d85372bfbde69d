// Any text as a configuration: a configuration or mistakes, never both, never neither, no crash. No
// name of what loads can break a line, and its dump loads again. Files are not reached: what names
// them is left out.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.hpp"
#include "filters/registry.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

bool is_line(const std::string& text) {
  return text.find_first_of(std::string("\r\n\0", 3)) == text.npos;
}

void look_at(const config::Config& config) {
  require(is_line(config.node.service));
  for (const config::Listener& listener : config.listeners) {
    require(is_line(listener.name) && !listener.bind.empty());
    for (const config::Route& route : listener.routes) {
      require(is_line(route.name) && is_line(route.rewrite.host) && is_line(route.rewrite.path));
      for (const config::Share& share : route.to) require(config.find_cluster(share.cluster));
    }
  }
  for (const config::Cluster& cluster : config.clusters)
    require(is_line(cluster.name) && is_line(cluster.fixed_host) && !cluster.endpoints.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("file:") != text.npos || text.find("include") != text.npos) return 0;
  static const auto specs = filters::specs();
  const config::Loaded loaded = config::load_text("fuzz.yaml", text, specs);
  require((loaded.config != nullptr) == loaded.mistakes.empty());
  for (const config::Mistake& mistake : loaded.mistakes) require(!mistake.to_string().empty());
  if (!loaded.config) return 0;
  look_at(*loaded.config);
  const std::string& dump = loaded.config->effective;
  if (dump.find("(redacted)") != dump.npos) return 0;
  const config::Loaded again = config::load_text("dump.yaml", dump, specs);
  require(again.config && again.config->effective == dump);
  return 0;
}
