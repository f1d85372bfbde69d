// Certificates of both ends that change over and over, while each request makes a handshake of its own:
// none fails, whether a pair fits together at the moment or not, and what is read at last is shown.
#include "tests/harness/program.hpp"
#include "tests/harness/test_proxy.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <thread>
#include <unistd.h>
#include <vector>

using harness::get;
using harness::Outrider;
using harness::Program;

namespace {

namespace fs = std::filesystem;

constexpr int pairs = 4;

// An authority, and pairs of certificate and key by it for both ends.
class Certificates {
 public:
  Certificates() {
    char name[] = "/tmp/outrider-rotation-XXXXXX";
    REQUIRE(::mkdtemp(name));
    folder_ = name;
    for (int i = 0; i < pairs; ++i) {
      Program made({harness::outrider_binary(), "certs", folder_, "localhost", "client"});
      REQUIRE(made.wait() == 0);
      for (const char* end : {"localhost", "client"})
        for (const char* kind : {".crt", ".key"})
          fs::rename(file(std::string(end) + kind), number(end, i) + kind);
    }
    rotate(0);
  }
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;
  ~Certificates() { fs::remove_all(folder_); }

  std::string file(const std::string& name) const { return folder_ / name; }
  // Each file is replaced at once, a pair is not: in between it does not fit together.
  void rotate(int to) const {
    for (const char* end : {"localhost", "client"})
      for (const char* kind : {".crt", ".key"}) {
        fs::copy_file(number(end, to % pairs) + kind, file("next"),
                      fs::copy_options::overwrite_existing);
        fs::rename(file("next"), file(std::string(end) + kind));
      }
  }

 private:
  std::string number(const std::string& end, int i) const {
    return file(end + "." + std::to_string(i));
  }
  fs::path folder_;
};

std::string tls(const Certificates& certificates, const std::string& end, const std::string& ca) {
  return "tls: { cert: " + certificates.file(end + ".crt") + ", key: " +
         certificates.file(end + ".key") + ", " + ca + ": " + certificates.file("ca.pem") + " }";
}

}  // namespace

TEST_CASE("rotation: of certificates ten times a second, no handshake fails") {
  const Certificates certificates;
  const std::string top = "version: 1\naccess_log: { format: none }\n";
  Outrider inbound(top + "listeners:\n  ingress:\n    bind: 127.0.0.1:0\n    direction: inbound\n    " +
                   tls(certificates, "localhost", "client_ca") +
                   "\n    routes: [{ respond: { status: 200 } }]\n");
  const std::string port = std::to_string(inbound.address("ingress").port());
  Outrider outbound(top +
                    "listeners: { egress: { bind: 127.0.0.1:0, routes: [{ to: app }] } }\n"
                    "clusters:\n  app:\n    url: https://localhost:" +
                    port + "\n    " + tls(certificates, "client", "ca") +
                    "\n    pool: { max_requests: 1 }\n");
  const base::Address egress = outbound.address();
  std::atomic<bool> is_over{false};
  std::atomic<int> done{0}, failed{0}, rotations{0};
  std::vector<std::thread> others;
  for (int i = 0; i < 3; ++i)
    others.emplace_back([&] {
      while (!is_over) try {
          get(egress, "/").status == 200 ? ++done : ++failed;
        } catch (const std::exception&) {
          ++failed;
        }
    });
  others.emplace_back([&] {
    base::Time next = base::Clock::now();
    while (!is_over) {
      certificates.rotate(++rotations);
      std::this_thread::sleep_until(next += std::chrono::milliseconds(100));
    }
  });
  // They are looked at once a second.
  for (int i = 0; i < 3; ++i) {
    for (Outrider* each : {&inbound, &outbound}) {
      const std::string mark = "certificates ";
      const std::size_t seen = (*each)->said().size();
      while ((*each)->said().find(mark, seen) == std::string::npos) (*each)->wait_for_more();
    }
  }
  is_over = true;
  for (std::thread& each : others) each.join();
  certificates.rotate(rotations + 1);
  for (Outrider* each : {&inbound, &outbound}) {
    const std::size_t seen = (*each)->said().size();
    while ((*each)->said().find("certificates read again", seen) == std::string::npos)
      (*each)->wait_for_more();
  }
  CHECK(get(egress, "/").status == 200);
  CHECK(failed == 0);
  CHECK(done > 0);
  MESSAGE(done.load(), " handshakes, ", rotations.load(), " rotations");
}
