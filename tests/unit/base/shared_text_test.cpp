#include "proxy/base/shared_text.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace {

using base::SharedText;

TEST_CASE("shared text: copies have the same bytes, and outlive what they were made from") {
  std::optional<SharedText> first(std::string("/items/17?sort=name&of=all"));
  const SharedText second = *first;
  CHECK(second.view().data() == first->view().data());
  first.reset();
  CHECK(second == "/items/17?sort=name&of=all");
  CHECK(second.size() == 26);
}

TEST_CASE("shared text: another is put in its place without a change of the copies") {
  SharedText one = "10.0.0.1:80";
  const SharedText before = one;
  one = "10.0.0.2:80";
  CHECK(before == "10.0.0.1:80");
  CHECK(one == std::string("10.0.0.2:80"));
  CHECK(one != before);
  one = one.view().substr(0, 4);  // a part of itself
  CHECK(one == "10.0");
  SharedText& same = one;
  one = same;
  CHECK(one == "10.0");
}

TEST_CASE("shared text: nothing is an empty one") {
  CHECK(SharedText().empty());
  CHECK(SharedText("").empty());
  CHECK(SharedText() == "");
  CHECK(SharedText() == SharedText(std::string()));
  SharedText taken = "a.test";
  const SharedText to = std::move(taken);
  CHECK(to == "a.test");
  CHECK(taken.empty());
}

}  // namespace
