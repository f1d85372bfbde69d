#include "proxy/http/hinted_links.hpp"

#include <doctest/doctest.h>

#include <string>

namespace {

using Links = std::vector<std::string_view>;

TEST_CASE("hinted links: those that a client may load or connect to at once") {
  CHECK(http::hinted_links("</a.css>; rel=preload; as=style") ==
        Links{"</a.css>; rel=preload; as=style"});
  CHECK(http::hinted_links("<https://cdn.test>;rel=\"preconnect\"") ==
        Links{"<https://cdn.test>;rel=\"preconnect\""});
  CHECK(http::hinted_links(" </a,b;c>;REL=PreLoad , </next>; rel=next,</d>; as=\"x,y\"; rel=\"x "
                           "preload\"") ==
        Links{"</a,b;c>;REL=PreLoad", "</d>; as=\"x,y\"; rel=\"x preload\""});
}

TEST_CASE("hinted links: what is none, or not to be read") {
  for (const char* value :
       {"", ",", "</a>", "</a>; rel", "</a>; rel=", "</a>; rel=next", "</a>; rel=next; rel=preload",
        "</a>; rel=preloaded", "</a>; x=\"; rel=preload", "</a; rel=preload", "a; rel=preload",
        "<>; rel=preload", "</a>; rel=\"preload", "</a>; x=\"\\\"; rel=preload\"", "<", "\"", "\\",
        "</a> b; rel=preload"}) {
    CAPTURE(value);
    CHECK(http::hinted_links(value).empty());
  }
}

}  // namespace
