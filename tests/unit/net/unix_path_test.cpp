#include "proxy/net/unix_path.hpp"

#include "proxy/net/acceptor.hpp"
#include "tests/unit/certs/made.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using base::Address;

struct Path {
  Address address() const { return *Address::parse("unix:" + folder.path("socket")); }
  // What went wrong, in the error's words; "" = it listens.
  std::string listen(const net::UnixAccess& access = {}, int backlog = 10) {
    base::Result<base::Descriptor> made = net::listen_on_path(address(), access, backlog);
    if (!made) return std::string(made.error().detail);
    open.push_back(made->release());
    return {};
  }
  void close_all() {
    for (const int each : open) ::close(each);
    open.clear();
  }
  int connect() {
    const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    open.push_back(client);
    const Address::Socket to = address().socket();
    return ::connect(client, to.get(), to.size) == 0 ? 0 : errno;
  }
  bool is_there() const { return std::filesystem::exists(folder.path("socket")); }
  ~Path() { close_all(); }

  certs_test::Folder folder;
  std::vector<int> open;
};

TEST_CASE_FIXTURE(Path, "unix path: the mode is what was said, whatever the mask") {
  const mode_t before = ::umask(0);
  for (const mode_t mode : {mode_t{0660}, mode_t{0600}, mode_t{0666}}) {
    ::umask(mode == 0666 ? 0077 : 0);
    REQUIRE(listen({mode, {}}) == "");
    struct stat status {};
    REQUIRE(::stat(folder.path("socket").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == mode);
    close_all();
  }
  ::umask(before);
}

TEST_CASE_FIXTURE(Path, "unix path: the owner by number or name, and nobody of an unknown name") {
  const std::string mine = std::to_string(::getuid()) + ":" + std::to_string(::getgid());
  for (const std::string& owner :
       {mine, std::to_string(::getuid()), ":" + std::to_string(::getgid())}) {
    CAPTURE(owner);
    CHECK(listen({0660, owner}) == "");
    close_all();
  }
  for (const char* owner : {"no-such-user-here", ":no-such-group-here"}) {
    CHECK(listen({0660, owner}).find("no such") != std::string::npos);
    CHECK_FALSE(is_there());
  }
}

TEST_CASE_FIXTURE(Path, "unix path: one that is in use stays, also with a full queue") {
  REQUIRE(listen({}, 1) == "");
  while (connect() == 0) {
  }
  REQUIRE(connect() == EAGAIN);  // a blocking connect would wait here
  const base::Result<base::Descriptor> second = net::listen_on_path(address(), {}, 10);
  REQUIRE_FALSE(second);
  CHECK(second.error().cause == boost::system::errc::address_in_use);
  CHECK(is_there());
}

TEST_CASE_FIXTURE(Path, "unix path: what is no socket, or answers otherwise, is never removed") {
  folder.write("socket", "precious");
  CHECK(listen() != "");
  CHECK(std::filesystem::file_size(folder.path("socket")) == 8);
  std::filesystem::remove(folder.path("socket"));
  folder.write("elsewhere", "precious");
  std::filesystem::create_symlink(folder.path("elsewhere"), folder.path("socket"));
  CHECK(listen() != "");
  CHECK(std::filesystem::is_symlink(folder.path("socket")));
  std::filesystem::remove(folder.path("socket"));
  std::filesystem::create_directory(folder.path("socket"));
  CHECK(listen() != "");
  std::filesystem::remove(folder.path("socket"));
  const int datagrams = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  open.push_back(datagrams);
  const Address::Socket to = address().socket();
  REQUIRE(::bind(datagrams, to.get(), to.size) == 0);
  CHECK(listen() != "");
  CHECK(is_there());
}

TEST_CASE_FIXTURE(Path, "unix path: goes with its owner, unless another process has taken it") {
  REQUIRE(listen() == "");
  {
    const auto first = net::path_of(address());
    CHECK(is_there());
  }
  CHECK_FALSE(is_there());
  close_all();
  REQUIRE(listen() == "");
  {
    const auto mine = net::path_of(address());
    std::filesystem::rename(folder.path("socket"), folder.path("aside"));
    REQUIRE(listen() == "");  // the other's
  }
  CHECK(is_there());
}

TEST_CASE("listen_on: [::] takes IPv4 as well where it is asked to, and knows it as IPv4") {
  const auto both = net::listen_on(*Address::parse("[::]:0"), 2, {true, {}});
  if (!both) return;  // no IPv6 here
  const std::uint16_t port = Address::local_of(both->front().number()).port();
  const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Address::Socket to = Address::parse_ip("127.0.0.1", port)->socket();
  CHECK(::connect(client, to.get(), to.size) == 0);
  base::Address::Socket peer;
  int accepted = -1;
  for (int i = 0; i < 1'000'000 && accepted < 0; ++i) {
    peer.size = sizeof peer.storage;
    accepted = ::accept((*both)[static_cast<std::size_t>(i % 2)].number(),
                        reinterpret_cast<sockaddr*>(&peer.storage), &peer.size);
  }
  REQUIRE(accepted >= 0);
  const Address remote = Address::from(peer.get(), peer.size);
  CHECK(remote.family() == AF_INET);
  CHECK(remote.is_loopback());
  CHECK(remote == Address::local_of(client));
  CHECK_FALSE(net::listen_on(*Address::parse_ip("0.0.0.0", port), 1));
  ::close(accepted);
  ::close(client);
}

TEST_CASE("listen_on: [::] and 0.0.0.0 share a port when each takes its own") {
  const auto of6 = net::listen_on(*Address::parse("[::]:0"), 1);
  if (!of6) return;  // no IPv6 here
  const std::uint16_t port = Address::local_of(of6->front().number()).port();
  const auto of4 = net::listen_on(*Address::parse_ip("0.0.0.0", port), 1);
  CHECK(of4);
}

}  // namespace
