// Files of a configuration around the one line that a test is about.
#pragma once

#include <string>

#include "config/load.hpp"
#include "filters/registry.hpp"

namespace config_test {

inline std::string file(const std::string& listener, const std::string& cluster,
                        const std::string& top = "") {
  return "version: 1\n" + top + "\nlisteners:\n  in: { " + listener + " }\nclusters:\n  c: { " +
         cluster + " }\n";
}
inline std::string with_top(const std::string& lines) {
  return file("bind: 127.0.0.1:0, routes: [{ to: c }]", "url: http://a", lines);
}
inline std::string with_listener(const std::string& fields) {
  return file("bind: 127.0.0.1:0, routes: [{ to: c }], " + fields, "url: http://a");
}
inline std::string with_route(const std::string& fields) {
  return file("bind: 127.0.0.1:0, routes: [{ " + fields + " }]", "url: http://a");
}
inline std::string with_cluster(const std::string& fields) {
  return file("bind: 127.0.0.1:0, routes: [{ to: c }]", fields);
}
inline std::string with_filter(const std::string& filter) {
  return with_cluster("url: http://a, filters: [{ " + filter + " }]");
}

// All mistakes as a user sees them; "" = it loads.
inline std::string mistakes_of(const std::string& text) {
  const config::Loaded loaded = config::load_text("proxy.yaml", text, filters::specs());
  std::string all;
  for (const config::Mistake& mistake : loaded.mistakes) all += mistake.to_string();
  return all;
}

}  // namespace config_test
