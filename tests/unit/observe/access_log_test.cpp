#include "proxy/observe/access_log.hpp"

#include "proxy/observe/line_template.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

struct Fixture {
  base::Loop loop{base::Clock::now()};
  http::ConnectionInfo connection;
  http::StreamInfo info{loop, connection};
  observe::AccessRecord record{"GET", "a.test", "/x\x01\"y", {}};

  Fixture() {
    connection.remote = *base::Address::parse("127.0.0.1:5");
    connection.protocol = "http1";
    info.listener = "egress";
    info.is_outbound = true;
    info.route = "egress.0";
    info.status = 200;
    info.kept_request_id = "the-id";
    record.ended = info.started + base::Millis{12};
  }
};

std::string contents(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

std::string temporary_file() {
  char path[] = "/tmp/outrider-log-XXXXXX";
  ::close(mkstemp(path));
  return path;
}

}  // namespace

TEST_CASE("access log: JSON has a fixed order and leaves out what is absent") {
  Fixture f;
  std::string line;
  observe::append_json_line(line, f.info, f.record, "T", "127.0.0.1");
  CHECK(line ==
        R"({"ts":"T","listener":"egress","direction":"outbound","route":"egress.0","method":"GET",)"
        R"("host":"a.test","path":"/x\u0001\"y","protocol":"http1","status":200,"bytes_in":0,)"
        R"("bytes_out":0,"ms":{"total":12.000},"attempts":0,"request_id":"the-id",)"
        R"("source":"127.0.0.1"})"
        "\n");
}

TEST_CASE("access log: says which trace it was, if it is known") {
  Fixture f;
  f.info.trace.id = {1, 0xabc};
  std::string line;
  observe::append_json_line(line, f.info, f.record, "T", "127.0.0.1");
  CHECK(line.find(R"("request_id":"the-id","trace_id":"00000000000000010000000000000abc",)") !=
        std::string::npos);
  line.clear();
  observe::LineTemplate::of_text("{trace_id} {status}").append(line, f.info, f.record, "T");
  CHECK(line == "00000000000000010000000000000abc 200\n");
}

TEST_CASE("access log: text has a column for everything") {
  Fixture f;
  f.info.reason = base::Reason::no_route;
  std::string line;
  observe::append_text_line(line, f.info, f.record, "T");
  CHECK(line ==
        "T egress egress.0 \"GET a.test /x\\x01\\x22y\" 200 no_route 12.000 - - 0 the-id\n");
}

TEST_CASE("access log: what was queued is in the file when the log is gone") {
  Fixture f;
  const std::string path = temporary_file();
  {
    const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::text, 2);
    REQUIRE(log);
    for (int i = 0; i < 1000; ++i) (*log)->queue(i % 2).write(f.info, f.record);
    CHECK((*log)->dropped() == 0);
  }
  const std::string text = contents(path);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1000);
  ::unlink(path.c_str());
}

TEST_CASE("access log: a destination that takes nothing costs lines, never the worker") {
  Fixture f;
  const std::string path = temporary_file();
  ::unlink(path.c_str());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  {
    const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::json, 1);
    REQUIRE(log);
    for (int i = 0; i < 60'000; ++i) (*log)->queue(0).write(f.info, f.record);
    CHECK((*log)->dropped() > 0);
  }
  ::close(reader);
  ::unlink(path.c_str());
}

TEST_CASE("access log: a destination that refuses lines counts them and says why") {
  Fixture f;
  const auto log = observe::AccessLog::open("/dev/full", observe::AccessLog::Format::json, 1);
  REQUIRE(log);
  (*log)->queue(0).write(f.info, f.record);
  while ((*log)->dropped() == 0) std::this_thread::yield();
  CHECK((*log)->dropped() == 1);
  CHECK((*log)->trouble() == "No space left on device");
}

TEST_CASE("access log: opened again, it goes on in a fresh file") {
  Fixture f;
  const std::string path = temporary_file();
  const std::string rotated = path + ".1";
  {
    const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::text, 1);
    REQUIRE(log);
    (*log)->queue(0).write(f.info, f.record);
    while (contents(path).empty()) std::this_thread::yield();
    REQUIRE(std::rename(path.c_str(), rotated.c_str()) == 0);
    CHECK_FALSE((*log)->reopen());
    while (::access(path.c_str(), F_OK) != 0) std::this_thread::yield();
    (*log)->queue(0).write(f.info, f.record);
  }
  CHECK(contents(path) == contents(rotated));
  ::unlink(path.c_str());
  ::unlink(rotated.c_str());
}

TEST_CASE("access log: what cannot be opened again goes on in the old file, and says why") {
  Fixture f;
  std::string folder = "/tmp/outrider-log-XXXXXX";
  REQUIRE(mkdtemp(folder.data()));
  const std::string path = folder + "/log";
  const std::string aside = folder + ".aside";
  {
    const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::text, 1);
    REQUIRE(log);
    REQUIRE(std::rename(folder.c_str(), aside.c_str()) == 0);
    CHECK((*log)->reopen().message() == "No such file or directory");
    (*log)->queue(0).write(f.info, f.record);
    while (contents(aside + "/log").empty()) std::this_thread::yield();
    REQUIRE(::mkdir(folder.c_str(), 0700) == 0);
    CHECK_FALSE((*log)->reopen());
    (*log)->queue(0).write(f.info, f.record);
  }
  CHECK(contents(path) == contents(aside + "/log"));
  for (const std::string& each : {folder, aside}) {
    ::unlink((each + "/log").c_str());
    ::rmdir(each.c_str());
  }
}

TEST_CASE(
    "access log: a FIFO without a reader is no reason not to start, and keeps lines for one") {
  Fixture f;
  const std::string path = temporary_file();
  ::unlink(path.c_str());
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::text, 1);
  REQUIRE(log);
  (*log)->queue(0).write(f.info, f.record);
  const int reader = ::open(path.c_str(), O_RDONLY);
  char byte = 0;
  CHECK(::read(reader, &byte, 1) == 1);
  ::close(reader);
  ::unlink(path.c_str());
}

TEST_CASE("access log: the text of a client's address is its own, whoever came before") {
  Fixture f;
  const std::string path = temporary_file();
  {
    const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::json, 1);
    REQUIRE(log);
    for (const char* from : {"127.0.0.1:5", "[::1]:5", "[::1]:6"}) {
      f.info.forwarded_for = *base::Address::parse(from);
      (*log)->queue(0).write(f.info, f.record);
    }
  }
  const std::string text = contents(path);
  const std::size_t v4 = text.find("\"source\":\"127.0.0.1\"");
  const std::size_t v6 = text.find("\"source\":\"::1\"");
  CHECK(v4 < v6);
  CHECK(text.find("\"source\":\"::1\"", v6 + 1) != text.npos);
  ::unlink(path.c_str());
}

TEST_CASE("access log: a line that its destination cut is not continued by the next") {
  Fixture f;
  const std::string path = temporary_file();
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit unlimited{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &unlimited) == 0);
  const rlimit little{100, unlimited.rlim_max};  // less than two lines
  {
    const auto log = observe::AccessLog::open(path, observe::AccessLog::Format::text, 1);
    REQUIRE(log);
    REQUIRE(setrlimit(RLIMIT_FSIZE, &little) == 0);
    for (int i = 0; i < 3; ++i) (*log)->queue(0).write(f.info, f.record);
    while ((*log)->dropped() < 2) std::this_thread::yield();
    REQUIRE(setrlimit(RLIMIT_FSIZE, &unlimited) == 0);
    CHECK((*log)->trouble() == "File too large");
    (*log)->queue(0).write(f.info, f.record);
  }
  std::istringstream lines(contents(path));
  std::string last;
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) last = line;
  CHECK(count == 3);
  CHECK(last.ends_with(" the-id"));
  CHECK(last.find("the-id") == last.size() - 6);
  ::unlink(path.c_str());
}
