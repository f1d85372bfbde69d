#include "proxy/base/folder_watch.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;

struct FolderTest {
  FolderTest() {
    char name[] = "/tmp/outrider-folder-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder = name;
  }
  ~FolderTest() { fs::remove_all(folder); }

  // Whether the event comes to be set.
  bool is_told(base::Event& event) {
    for (int i = 0; i < 20; ++i) {
      loop.turn(base::Millis{5});
      base::Event::Awaiter awaiter = event.wait();
      if (awaiter.await_ready()) return true;
    }
    return false;
  }

  base::EventLoop loop;
  fs::path folder;
};

TEST_CASE_FIXTURE(FolderTest, "folder watch: tells of files written, renamed and taken away") {
  base::FolderWatches watches(loop);
  base::Event changed(loop);
  base::FolderWatches::Follower follower(watches, changed);
  REQUIRE(follower.follow(folder));
  CHECK(!is_told(changed));
  std::ofstream(folder / "a") << "x";
  CHECK(is_told(changed));
  fs::rename(folder / "a", folder / "b");
  CHECK(is_told(changed));
  fs::create_symlink("b", folder / "link.new");
  fs::rename(folder / "link.new", folder / "link");
  CHECK(is_told(changed));
  fs::remove(folder / "b");
  CHECK(is_told(changed));
}

TEST_CASE_FIXTURE(FolderTest, "folder watch: each hears of its own folder, until it goes") {
  fs::create_directory(folder / "one");
  fs::create_directory(folder / "two");
  base::FolderWatches watches(loop);
  base::Event one(loop), two(loop);
  base::FolderWatches::Follower first(watches, one);
  auto second = std::make_unique<base::FolderWatches::Follower>(watches, two);
  REQUIRE(first.follow(folder / "one"));
  REQUIRE(second->follow(folder / "two"));
  std::ofstream(folder / "two" / "a") << "x";
  CHECK(is_told(two));
  CHECK(!is_told(one));
  second.reset();
  std::ofstream(folder / "two" / "a") << "y";
  CHECK(!is_told(two));
}

TEST_CASE_FIXTURE(FolderTest, "folder watch: follows the folder that stands there by now") {
  base::FolderWatches watches(loop);
  base::Event changed(loop);
  base::FolderWatches::Follower follower(watches, changed);
  CHECK(!follower.follow(folder / "later"));
  fs::create_directory(folder / "later");
  REQUIRE(follower.follow(folder / "later"));
  fs::rename(folder / "later", folder / "earlier");
  CHECK(is_told(changed));
  fs::create_directory(folder / "later");
  REQUIRE(follower.follow(folder / "later"));
  while (is_told(changed)) {}
  std::ofstream(folder / "earlier" / "a") << "x";
  CHECK(!is_told(changed));
  std::ofstream(folder / "later" / "a") << "x";
  CHECK(is_told(changed));
}

}  // namespace
