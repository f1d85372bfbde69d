// Boost.JSON is compiled once, here; everything else sees its declarations only.
#include <boost/json/src.hpp>
