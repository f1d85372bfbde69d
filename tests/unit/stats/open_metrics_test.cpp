#include "proxy/stats/open_metrics.hpp"

#include <doctest/doctest.h>

TEST_CASE("OpenMetrics: counters' families have no suffix, and the text has an end") {
  CHECK(stats::open_metrics("# HELP a_total What.\n# TYPE a_total counter\na_total{b=\"c\"} 1\n"
                            "# HELP g How.\n# TYPE g gauge\ng 2\n# TYPE odd counter\nodd 3\n") ==
        "# HELP a What.\n# TYPE a counter\na_total{b=\"c\"} 1\n"
        "# HELP g How.\n# TYPE g gauge\ng 2\n# TYPE odd unknown\nodd 3\n# EOF\n");
  CHECK(stats::open_metrics("") == "# EOF\n");
}
