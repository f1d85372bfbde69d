// What a configuration would make of a request: which listener and route take it and why no other
// does, the filters in order with what is in force and where that is written, and where it goes.
// Nothing is connected to. Pure.
#pragma once

#include "config/load.hpp"
#include "proxy/http/message.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cli {

struct Asked {
  http::RequestHead head;
  std::string listener;  // "" = whichever it is
};

// A value in force. place: "file:line"; "" = it is a default.
struct Setting {
  std::string name;  // "backoff.base"
  std::string value;
  std::string place;
};

struct ExplainedRoute {
  std::string name;
  std::string place;
  bool is_taken = false;
  std::string why_not;  // "" = it would fit, if it were reached
};

struct ExplainedFilter {
  std::string name;
  std::string of;     // "cluster orders"
  std::string place;  // "" = it is written nowhere
  std::vector<Setting> settings;
};

// Where the route leads, and what stands on the way. Of a route with shares there are several.
struct ExplainedWay {
  std::string share;  // "95%"; "" = all
  std::string cluster;
  std::string place;
  std::vector<ExplainedFilter> filters;
  std::vector<std::string> endpoints;
  std::string host, path;  // as they are sent
};

struct ExplainedListener {
  std::string name;
  std::string place;
  std::string refused;  // why the request does not come to the routes; "" = it does
  std::vector<ExplainedRoute> routes;
  std::string answer;  // what the route answers by itself; "" = it does not
  std::vector<ExplainedWay> ways;
};

std::vector<ExplainedListener> explain(const config::Loaded& loaded, const Asked& asked);

std::string explanation_text(const std::vector<ExplainedListener>& listeners);
std::string explanation_json(const std::vector<ExplainedListener>& listeners);

}  // namespace cli
