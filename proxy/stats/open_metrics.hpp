// Prometheus' text format as OpenMetrics 1.0 has it: a counter's family goes without `_total`, and
// the text has an end. Pure.
#pragma once

#include <string>
#include <string_view>

namespace stats {

constexpr std::string_view open_metrics_type =
    "application/openmetrics-text; version=1.0.0; charset=utf-8";

std::string open_metrics(std::string_view text);

}  // namespace stats
