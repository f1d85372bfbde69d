#include "proxy/process/readiness.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/net/connector.hpp"

#include <memory>
#include <utility>

namespace process {
namespace {

constexpr std::size_t most_of_a_line = 4096;

base::Task<base::Result<base::Address>> find(net::Resolver& resolver, const config::Ready& ready,
                                             base::Millis timeout) {
  if (const auto address = base::Address::parse_ip(ready.host, ready.port)) co_return *address;
  net::Question question;
  question.name = ready.host;
  question.port = ready.port;
  question.timeout = timeout;
  const base::Result<net::Resolved> found = co_await resolver.resolve(std::move(question));
  if (!found) co_return found.error();
  co_return found->addresses.front();
}

// The first line of the answer; shorter = no more came.
base::Task<std::string> first_line(net::Transport& transport, base::Time until) {
  std::string line;
  while (line.find('\n') == line.npos && line.size() < most_of_a_line) {
    const net::Input input = transport.read_now();
    if (input.state == net::Input::State::data) {
      line += input.bytes.view();
    } else if (input.state == net::Input::State::would_block) {
      const bool is_there = co_await transport.readable(until);
      if (!is_there) break;
    } else {
      break;
    }
  }
  co_return line.substr(0, line.find('\n'));
}

std::string request_for(const config::Ready& ready) {
  return "GET " + ready.path + " HTTP/1.1\r\nhost: " + ready.authority +
         "\r\nuser-agent: outrider\r\naccept: */*\r\nconnection: close\r\n\r\n";
}

}  // namespace

int status_of(std::string_view line) {
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ') return 0;
  if (line.size() > 12 && line[12] != ' ' && line[12] != '\r') return 0;
  const unsigned status = base::parse_decimal<unsigned>(line.substr(9, 3)).value_or(0);
  return status >= 100 ? static_cast<int>(status) : 0;
}

base::Task<std::string> ask_whether_ready(base::EventLoop& loop, net::Resolver& resolver,
                                          const config::Ready& ready, base::Time until) {
  const auto left = std::chrono::duration_cast<base::Millis>(until - loop.now());
  const base::Result<base::Address> address = co_await find(resolver, ready, left);
  if (!address) co_return "its name is not known: " + address.error().cause.message();
  auto connected = co_await net::connect(loop, *address, nullptr, until);
  if (!connected) co_return "it cannot be connected to: " + connected.error().cause.message();
  if (!ready.is_http) co_return "";
  net::Transport& transport = **connected;
  transport.send(request_for(ready));
  const std::string line = co_await first_line(transport, until);
  const int status = status_of(line);
  if (status / 100 == 2) co_return "";
  co_return status == 0 ? "it does not answer" : "it answers " + std::to_string(status);
}

}  // namespace process
