// A small application: an HTTP/1.1 server on 127.0.0.1, on the port of its argument or any, that
// says hello. It knows nothing of TLS, HTTP/2 or retries. It prints where it listens, then each
// request line. /slow takes 50 ms, /uneven 3 s every other time, /narrow 30 ms, one at a time; /flaky
// fails with 503 every other time, /broken always, until /repair was asked for.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace {

std::atomic<unsigned> flaky_requests{0};
std::atomic<unsigned> uneven_requests{0};
std::atomic<bool> is_repaired{false};
std::mutex narrow;

bool send_all(int client, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t count = send(client, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

bool fails(const std::string& path) {
  if (path == "/flaky") return flaky_requests++ % 2 == 0;
  return path == "/broken" && !is_repaired;
}

std::string answer_to(const std::string& request_line) {
  const auto method_end = request_line.find(' ');
  const auto target_end = request_line.rfind(' ');
  const std::string target = request_line.substr(method_end + 1, target_end - method_end - 1);
  const std::string path = target.substr(0, target.find('?'));
  if (path == "/repair") is_repaired = true;
  if (path == "/slow") std::this_thread::sleep_for(std::chrono::milliseconds(50));
  if (path == "/uneven" && uneven_requests++ % 2 == 0)
    std::this_thread::sleep_for(std::chrono::seconds(3));
  if (path == "/narrow") {
    const std::lock_guard one_at_a_time(narrow);
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  const bool failed = fails(path);
  const std::string body =
      failed ? "not now\n"
             : "hello from the app, asked over " + request_line.substr(target_end + 1) + "\n";
  return std::string("HTTP/1.1 ") + (failed ? "503 Service Unavailable" : "200 OK") +
         "\r\ncontent-type: text/plain\r\ncontent-length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

void serve(int client) {
  std::string input;
  char buffer[4096];
  for (;;) {
    const ssize_t count = recv(client, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    input.append(buffer, static_cast<std::size_t>(count));
    for (std::size_t end; (end = input.find("\r\n\r\n")) != std::string::npos;) {
      const std::string request_line = input.substr(0, input.find("\r\n"));
      input.erase(0, end + 4);
      std::printf("%s\n", request_line.c_str());
      std::fflush(stdout);
      if (!send_all(client, answer_to(request_line))) break;
    }
  }
  close(client);
}

}  // namespace

int main(int count, char** words) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(count > 1 ? std::atoi(words[1]) : 0));
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener, raw, size) != 0 || listen(listener, 128) != 0) {
    std::perror("origin");
    return 1;
  }
  getsockname(listener, raw, &size);
  std::printf("app listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  for (;;) {
    const int client = accept(listener, nullptr, nullptr);
    if (client >= 0) std::thread(serve, client).detach();
  }
}
