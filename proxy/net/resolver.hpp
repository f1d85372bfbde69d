// Names to addresses, by c-ares in a loop's poller: /etc/hosts, then the servers of resolv.conf. Used
// by the control thread only; what it finds is handed on as a value.
#pragma once

#include <ares.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/base/address.hpp"
#include "proxy/base/event_loop.hpp"
#include "proxy/base/task.hpp"
#include "proxy/base/error.hpp"
#include "proxy/net/srv_answer.hpp"

namespace net {

// `any`: both are asked for at once, and once there is IPv4, IPv6 is waited for a moment only (RFC
// 8305 3): some servers never answer that question.
enum class AddressFamily : std::uint8_t { any, ipv4, ipv6 };

struct Question {
  std::string name;
  std::uint16_t port = 0;  // of the addresses
  AddressFamily family = AddressFamily::any;
  base::Millis timeout{2'000};
};

struct Resolved {
  std::vector<base::Address> addresses;  // sorted, each once, 1 to 64
  base::Duration ttl{};                  // the least of all records, CNAMEs included
  bool is_local = false;                 // of /etc/hosts: there is no TTL
};

class Resolver final : base::Timer {
 public:
  // servers: "127.0.0.1:5353", comma-separated; "" = those of resolv.conf. For tests.
  explicit Resolver(base::EventLoop& loop, const std::string& servers = "");
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  ~Resolver();  // no question may be waiting

  // The error says dns_failure.
  base::Task<base::Result<Resolved>> resolve(Question question);
  // The SRV records of a name, at least one unless there decidedly is no such service.
  base::Task<base::Result<SrvAnswer>> resolve_srv(std::string name, base::Millis timeout);

 private:
  struct Pending;
  struct PendingSrv;
  class Watch;

  std::shared_ptr<Pending> ask(const Question& question, AddressFamily family);
  base::Task<base::Result<Resolved>> answer(std::shared_ptr<Pending> pending, std::uint16_t port,
                                            base::Time until);
  // Empty = it is a name that a server has to be asked for.
  Resolved look_into_hosts(const Question& question);
  static void answered(void* pending, int status, int timeouts, ares_addrinfo* info);
  static void answered_srv(void* pending, int status, int timeouts, unsigned char* message,
                           int length);
  static void socket_changed(void* resolver, ares_socket_t socket, int wants_read, int wants_write);
  void watch(ares_socket_t socket, bool wants_read, bool wants_write);
  void process(ares_socket_t readable, ares_socket_t writable);
  void expired() override;

  base::EventLoop& loop_;
  ares_channel channel_ = nullptr;
  ares_channel hosts_ = nullptr;  // asks no server, so answers at once
  std::unordered_map<ares_socket_t, std::unique_ptr<Watch>> watches_;
};

const boost::system::error_category& dns_category();

}  // namespace net
