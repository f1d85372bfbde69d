#include "proxy/base/log.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace {

class Place {
 public:
  Place() : path_("/tmp/outrider-log-test." + std::to_string(::getpid())) {}
  ~Place() {
    ::unlink(path_.c_str());
    ::unlink((path_ + ".1").c_str());
  }
  const std::string& path() const { return path_; }
  static std::string contents(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

 private:
  std::string path_;
};

TEST_CASE("log: opened again, it goes on in a fresh file") {
  const Place place;
  base::Log log(std::move(*base::LogFile::open(place.path())), base::Level::info, false);
  log.info("first");
  REQUIRE(std::rename(place.path().c_str(), (place.path() + ".1").c_str()) == 0);
  CHECK_FALSE(log.reopen());
  log.info("second");
  CHECK(Place::contents(place.path() + ".1").find("first") != std::string::npos);
  CHECK(Place::contents(place.path()).find("second") != std::string::npos);
}

TEST_CASE("log: a line of text is as it was said, but for what may end it") {
  const Place place;
  base::Log log(std::move(*base::LogFile::open(place.path())), base::Level::info, false);
  log.info("did you mean \"orders\"?\nno\x1b[31m");
  const std::string line = Place::contents(place.path());
  CHECK(line.ends_with(" info did you mean \"orders\"?\\u000ano\\u001b[31m\n"));
}

TEST_CASE("log: an event of several lines is one, its further lines indented") {
  const Place place;
  base::Log log(std::move(*base::LogFile::open(place.path())), base::Level::info, false);
  log.error_in_lines("no:\na.yaml:1:1: what\n\n  x: 1\n  ^\x1b\n");
  CHECK(Place::contents(place.path())
            .ends_with(" error no:\n    a.yaml:1:1: what\n      x: 1\n      ^\\u001b\n"));
  log.adopt(base::Level::info, true);
  log.error_in_lines("one\ntwo");
  CHECK(Place::contents(place.path()).ends_with("\"event\":\"one\\u000atwo\"}\n"));
}

TEST_CASE("log: what its destination refuses is counted, and stops nobody") {
  base::Log log(std::move(*base::LogFile::open("/dev/full")), base::Level::info, true);
  log.info("lost");
  log.info("lost too");
  log.debug("not wanted, so not lost");
  CHECK(log.dropped() == 2);
}

TEST_CASE("log: a FIFO that nobody reads takes what it can hold, and the rest is counted") {
  const Place place;
  REQUIRE(::mkfifo(place.path().c_str(), 0600) == 0);
  base::Log log(std::move(*base::LogFile::open(place.path())), base::Level::info, false);
  for (int i = 0; i < 5000; ++i) log.info("a line that fills a pipe sooner or later");
  CHECK(log.dropped() > 0);
  CHECK(log.dropped() < 5000);
}

// Standard output and error: not non-blocking, so that no more than PIPE_BUF goes out at once.
class SharedPipe {
 public:
  explicit SharedPipe(int size) {
    REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends_[1], F_SETPIPE_SZ, size) == size);
    kept_ = ::dup(STDERR_FILENO);
    ::dup2(ends_[1], STDERR_FILENO);
  }
  ~SharedPipe() {
    give_back();
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  // What was written since; no more is meant for the pipe.
  std::string read() {
    std::string text(64 * 1024, '\0');
    const ssize_t count = ::read(ends_[0], text.data(), text.size());
    text.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
    return text;
  }
  void give_back() {
    if (kept_ < 0) return;
    ::dup2(kept_, STDERR_FILENO);
    ::close(std::exchange(kept_, -1));
  }

 private:
  int ends_[2];
  int kept_ = -1;
};

TEST_CASE("log: a line longer than a pipe takes at once is whole") {
  SharedPipe pipe(64 * 1024);
  base::Log log(std::move(*base::LogFile::open("stderr")), base::Level::info, false);
  log.info(std::string(8'000, 'a'));
  log.info("next");
  pipe.give_back();
  const std::string text = pipe.read();
  CHECK(text.find(std::string(8'000, 'a') + "\n") != std::string::npos);
  CHECK(text.ends_with("next\n"));
  CHECK(log.dropped() == 0);
}

TEST_CASE("log: a line that its destination takes in part is counted, and ends there") {
  SharedPipe pipe(4096);
  base::Log log(std::move(*base::LogFile::open("stderr")), base::Level::info, false);
  log.info(std::string(8'000, 'a'));
  CHECK(log.dropped() == 1);
  CHECK(pipe.read().ends_with("a"));
  log.info("next");
  pipe.give_back();
  const std::string text = pipe.read();
  CHECK(text.starts_with("\n"));
  CHECK(text.ends_with("next\n"));
}

TEST_CASE("log: what cannot be opened says why") {
  const auto file = base::LogFile::open("/nowhere/at/all");
  REQUIRE_FALSE(file);
  CHECK(file.error().cause.message() == "No such file or directory");
}

}  // namespace
