#include "proxy/net/resolver.hpp"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>

#include <algorithm>
#include <optional>

#include "proxy/base/error_category.hpp"
#include "proxy/base/event.hpp"

namespace net {
namespace {

constexpr int first_try_ms = 700;  // doubled by c-ares from try to try
constexpr int tries = 3;
constexpr std::size_t most_addresses = 64;
constexpr base::Millis resolution_delay{50};  // RFC 8305 8

base::Error dns_error(std::string_view detail, int status) {
  base::Error error{base::Reason::dns_failure, base::Fault::upstream, detail,
                    {status, dns_category()}};
  error.unsent = true;
  return error;
}

std::chrono::seconds least_ttl(const ares_addrinfo& info) {
  int least = INT32_MAX;
  for (const auto* cname = info.cnames; cname; cname = cname->next)
    least = std::min(least, cname->ttl);
  for (const auto* node = info.nodes; node; node = node->ai_next)
    least = std::min(least, node->ai_ttl);
  return std::chrono::seconds(std::max(least, 0));
}

std::vector<base::Address> addresses_of(const ares_addrinfo& info) {
  std::vector<base::Address> addresses;
  for (const auto* node = info.nodes; node; node = node->ai_next) {
    const base::Address address = base::Address::from(node->ai_addr, node->ai_addrlen);
    if (address.is_ip()) addresses.push_back(address);
  }
  return addresses;
}

void arrange(std::vector<base::Address>& addresses, std::uint16_t port) {
  for (base::Address& address : addresses) address = address.with_port(port);
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  if (addresses.size() > most_addresses) addresses.resize(most_addresses);
}

Resolved both(Resolved first, const Resolved& second) {
  first.addresses.insert(first.addresses.end(), second.addresses.begin(), second.addresses.end());
  if (first.addresses.size() > most_addresses) first.addresses.resize(most_addresses);
  first.ttl = std::min(first.ttl, second.ttl);
  return first;
}

int family_of(AddressFamily family) {
  if (family == AddressFamily::any) return AF_UNSPEC;
  return family == AddressFamily::ipv4 ? AF_INET : AF_INET6;
}

// RFC 6761 6.3: such a name is this machine, and no server is asked for it.
bool is_localhost(std::string_view name) {
  return name == "localhost" || name.ends_with(".localhost");
}

std::vector<base::Address> loopbacks(int family) {
  std::vector<base::Address> both;
  if (family != AF_INET6) both.push_back(*base::Address::parse_ip("127.0.0.1", 0));
  if (family != AF_INET) both.push_back(*base::Address::parse_ip("::1", 0));
  return both;
}

}  // namespace

const boost::system::error_category& dns_category() {
  static const base::ErrorCategory category(
      "dns", [](int code) -> std::string { return ares_strerror(code); });
  return category;
}

// Shared by the task that asks and by c-ares, whoever is done last.
struct Resolver::Pending {
  explicit Pending(base::Loop& loop) : answered(loop) {}
  base::Event answered;
  bool is_asking = true;  // the question is being put: an answer now is a local one
  int status = ARES_ENODATA;
  Resolved found;
};

struct Resolver::PendingSrv {
  explicit PendingSrv(base::Loop& loop) : answered(loop) {}
  base::Event answered;
  int status = ARES_ENODATA;
  std::optional<SrvAnswer> found;
};

// One of c-ares' sockets. Level-triggered: c-ares does not read until there is no more.
class Resolver::Watch final : public base::Poller::Watch {
 public:
  Watch(Resolver& resolver, ares_socket_t socket, std::uint32_t events)
      : resolver_(resolver), socket_(socket),
        slot_(resolver.loop_.poller().add(socket, *this, events)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (slot_ >= 0) resolver_.loop_.poller().remove(slot_, socket_);
  }

 private:
  void on_events(std::uint32_t events) override {
    const bool has_failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
    const bool is_readable = (events & EPOLLIN) != 0 || has_failed;
    const bool is_writable = (events & EPOLLOUT) != 0 || has_failed;
    resolver_.process(is_readable ? socket_ : ARES_SOCKET_BAD,
                      is_writable ? socket_ : ARES_SOCKET_BAD);
  }

  Resolver& resolver_;
  const ares_socket_t socket_;
  const int slot_;
};

Resolver::Resolver(base::EventLoop& loop, const std::string& servers) : loop_(loop) {
  ares_library_init(ARES_LIB_INIT_ALL);
  ares_options options{};
  options.timeout = first_try_ms;
  options.tries = tries;
  options.sock_state_cb = socket_changed;
  options.sock_state_cb_data = this;
  const int set = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (ares_init_options(&channel_, &options, set) != ARES_SUCCESS) channel_ = nullptr;
  char of_files[] = "f";
  options = {};
  options.lookups = of_files;
  if (ares_init_options(&hosts_, &options, ARES_OPT_LOOKUPS) != ARES_SUCCESS) hosts_ = nullptr;
  if (channel_ && !servers.empty()) ares_set_servers_ports_csv(channel_, servers.c_str());
}

Resolver::~Resolver() {
  if (channel_) ares_destroy(channel_);
  if (hosts_) ares_destroy(hosts_);
  ares_library_cleanup();
}

base::Task<base::Result<Resolved>> Resolver::resolve(Question question) {
  const base::Time until = loop_.now() + question.timeout;
  const std::uint16_t port = question.port;
  Resolved of_hosts = look_into_hosts(question);
  if (!of_hosts.addresses.empty()) co_return of_hosts;
  if (!channel_) co_return dns_error("no resolver: resolv.conf cannot be used", ARES_EFILE);
  if (question.family != AddressFamily::any) {
    std::shared_ptr<Pending> only = ask(question, question.family);
    co_return co_await answer(std::move(only), port, until);
  }
  std::shared_ptr<Pending> of_ipv4 = ask(question, AddressFamily::ipv4);
  std::shared_ptr<Pending> of_ipv6 = ask(question, AddressFamily::ipv6);
  base::Result<Resolved> first = co_await answer(std::move(of_ipv4), port, until);
  const base::Time moment = first ? std::min(until, loop_.now() + resolution_delay) : until;
  base::Result<Resolved> second = co_await answer(std::move(of_ipv6), port, moment);
  if (first && second) co_return both(std::move(*first), *second);
  const bool has_second_more_to_say =
      second || (!first && first.error().cause.value() == ARES_ENODATA);
  if (has_second_more_to_say) co_return second;
  co_return first;
}

Resolved Resolver::look_into_hosts(const Question& question) {
  if (!hosts_) return {};
  const auto pending = std::make_shared<Pending>(loop_);
  ares_addrinfo_hints hints{};
  hints.ai_family = family_of(question.family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(hosts_, question.name.c_str(), nullptr, &hints, answered,
                   new std::shared_ptr<Pending>(pending));
  Resolved found = std::move(pending->found);
  if (found.addresses.empty() && is_localhost(question.name)) {
    found.addresses = loopbacks(hints.ai_family);
    found.is_local = true;
  }
  arrange(found.addresses, question.port);
  return found;
}

std::shared_ptr<Resolver::Pending> Resolver::ask(const Question& question, AddressFamily family) {
  auto pending = std::make_shared<Pending>(loop_);
  ares_addrinfo_hints hints{};
  hints.ai_family = family_of(family);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel_, question.name.c_str(), nullptr, &hints, answered,
                   new std::shared_ptr<Pending>(pending));
  pending->is_asking = false;
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  return pending;
}

base::Task<base::Result<Resolved>> Resolver::answer(std::shared_ptr<Pending> pending,
                                                    std::uint16_t port, base::Time until) {
  const bool came = co_await pending->answered.wait(until);
  if (!came) co_return dns_error("the name servers do not answer", ARES_ETIMEOUT);
  if (pending->status == ARES_ENOTFOUND)
    co_return dns_error("the name does not exist", pending->status);
  if (pending->status != ARES_SUCCESS)
    co_return dns_error("the name cannot be resolved", pending->status);
  Resolved found = std::move(pending->found);
  arrange(found.addresses, port);
  if (found.addresses.empty()) co_return dns_error("the name has no address", ARES_ENODATA);
  co_return found;
}

base::Task<base::Result<SrvAnswer>> Resolver::resolve_srv(std::string name, base::Millis timeout) {
  const base::Time until = loop_.now() + timeout;
  if (!channel_) co_return dns_error("no resolver: resolv.conf cannot be used", ARES_EFILE);
  const auto pending = std::make_shared<PendingSrv>(loop_);
  ares_query(channel_, name.c_str(), C_IN, T_SRV, answered_srv,
             new std::shared_ptr<PendingSrv>(pending));
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  const bool came = co_await pending->answered.wait(until);
  if (!came) co_return dns_error("the name servers do not answer", ARES_ETIMEOUT);
  if (pending->status == ARES_ENOTFOUND)
    co_return dns_error("the name does not exist", pending->status);
  if (pending->status == ARES_ENODATA)
    co_return dns_error("the name has no SRV record", pending->status);
  if (pending->status != ARES_SUCCESS)
    co_return dns_error("the name cannot be resolved", pending->status);
  if (!pending->found)
    co_return dns_error("the name server's answer cannot be read", ARES_EBADRESP);
  co_return std::move(*pending->found);
}

void Resolver::answered_srv(void* argument, int status, int, unsigned char* message, int length) {
  const std::unique_ptr<std::shared_ptr<PendingSrv>> owned(
      static_cast<std::shared_ptr<PendingSrv>*>(argument));
  PendingSrv& pending = **owned;
  pending.status = status;
  if (status == ARES_SUCCESS && message)
    pending.found = read_srv_answer(
        {reinterpret_cast<const char*>(message), static_cast<std::size_t>(length)});
  pending.answered.set();
}

void Resolver::answered(void* argument, int status, int, ares_addrinfo* info) {
  const std::unique_ptr<std::shared_ptr<Pending>> owned(
      static_cast<std::shared_ptr<Pending>*>(argument));
  Pending& pending = **owned;
  pending.status = status;
  if (info) {
    pending.found = {addresses_of(*info), least_ttl(*info), pending.is_asking};
    ares_freeaddrinfo(info);
  }
  pending.answered.set();
}

void Resolver::socket_changed(void* resolver, ares_socket_t socket, int wants_read,
                              int wants_write) {
  static_cast<Resolver*>(resolver)->watch(socket, wants_read != 0, wants_write != 0);
}

void Resolver::watch(ares_socket_t socket, bool wants_read, bool wants_write) {
  watches_.erase(socket);
  const std::uint32_t events = (wants_read ? std::uint32_t{EPOLLIN} : 0U) |
                               (wants_write ? std::uint32_t{EPOLLOUT} : 0U);
  if (events != 0) watches_.emplace(socket, std::make_unique<Watch>(*this, socket, events));
}

// Also lets c-ares look at its clock, and arms the timer for when it wants to next.
void Resolver::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  timeval room{};
  const timeval* next = ares_timeout(channel_, nullptr, &room);
  if (!next) return cancel();
  const auto wait = std::chrono::seconds(next->tv_sec) + std::chrono::microseconds(next->tv_usec);
  loop_.arm(*this, loop_.now() + wait);
}

void Resolver::expired() { process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }

}  // namespace net
