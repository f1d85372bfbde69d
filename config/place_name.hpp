// What the places are called at which filters stand: so logs, metrics and the admin API name them, and
// whoever asks them.
#pragma once

#include "config/model.hpp"

#include <string>

namespace config {

inline std::string place_name(const Listener& listener) {
  return "listener " + listener.name;
}

inline std::string place_name(const Listener& listener, const Route& route) {
  return "route " + listener.name + '/' + route.name;
}

inline std::string place_name(const Cluster& cluster) {
  return "cluster " + cluster.name;
}

}  // namespace config
