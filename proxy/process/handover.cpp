#include "proxy/process/handover.hpp"

#include "proxy/base/ascii.hpp"
#include "proxy/base/system_cause.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <system_error>

namespace process {
namespace {

// Messages are datagrams: the first says what this is, then one for each socket with the
// descriptors that it has, those of circuit breakers, then the end. One of a kind that is not known is
// passed over.
constexpr std::string_view greeting = "outrider handover 1";
constexpr std::string_view breakers_kind = "breakers";
constexpr std::string_view farewell = "end";
constexpr std::string_view readiness = "ready";
constexpr std::string_view failure = "failed\n";  // and why
constexpr std::size_t most_descriptors = 128;  // in one message; the kernel's bound is 253
constexpr std::size_t most_text = 2048;
constexpr time_t longest_wait_seconds = 10;

struct Message {
  std::string text;
  std::vector<base::Descriptor> descriptors;
  int problem = 0;  // errno
};

union Control {
  cmsghdr aligned;
  std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> bytes;
};

std::string system_words(int problem) {
  return std::generic_category().message(problem);
}

bool send_message(int to, std::string_view text, const std::vector<base::Descriptor>& descriptors = {}) {
  iovec part{const_cast<char*>(text.data()), text.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const std::size_t size = sizeof(int) * descriptors.size();
  if (size > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    auto* into = reinterpret_cast<int*>(CMSG_DATA(header));
    for (const base::Descriptor& descriptor : descriptors) *into++ = descriptor.number();
  }
  return ::sendmsg(to, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

Message receive_message(int from) {
  Message received;
  received.text.resize(most_text);
  iovec part{received.text.data(), received.text.size()};
  Control control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  const ssize_t size = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC);
  received.problem = size < 0 ? errno : size == 0 ? ECONNRESET : 0;
  received.text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  for (cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    const auto* numbers = reinterpret_cast<const int*>(CMSG_DATA(each));
    for (std::size_t i = 0; i < count; ++i) received.descriptors.emplace_back(numbers[i]);
  }
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) received.problem = EMSGSIZE;
  return received;
}

// "listener", then by line: its name, what was wanted, what is bound, and what else is so.
std::string text_of(std::string_view kind, const server::InheritedSocket& socket) {
  std::string text(kind);
  for (const std::string& line :
       {socket.listener, socket.wanted.to_string(), socket.bound.to_string(),
        std::string(socket.is_shared ? "shared" : "each") + (socket.owns_path ? " path" : "")})
    text.append("\n").append(line);
  return text;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (;;) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == text.npos) return lines;
    text.remove_prefix(end + 1);
  }
}

// "breakers", then by line of each: its place, its part, how it is held. As many messages as it
// takes.
std::vector<std::string> texts_of(const std::vector<filters::HeldBreaker>& breakers) {
  std::vector<std::string> texts;
  for (const filters::HeldBreaker& each : breakers) {
    const std::string lines = '\n' + each.place + '\n' + each.part + '\n' + each.mode;
    if (texts.empty() || texts.back().size() + lines.size() > most_text)
      texts.emplace_back(breakers_kind);
    texts.back() += lines;
  }
  return texts;
}

bool take_breakers(const std::vector<std::string>& lines, HandedOver& into) {
  if (lines.size() % 3 != 1) return false;
  for (std::size_t i = 1; i < lines.size(); i += 3)
    into.breakers.push_back({lines[i], lines[i + 1], lines[i + 2]});
  return true;
}

// False: it is not understood.
bool take(Message message, HandedOver& into) {
  const std::vector<std::string> lines = lines_of(message.text);
  if (lines[0] == breakers_kind) return take_breakers(lines, into);
  if (lines[0] != "listener" && lines[0] != "admin" && lines[0] != "probes") return true;
  if (lines.size() != 5 || message.descriptors.empty()) return false;
  const auto wanted = base::Address::parse(lines[2]);
  const auto bound = base::Address::parse(lines[3]);
  if (!wanted || !bound) return false;
  server::InheritedSocket socket{lines[1],
                                 *wanted,
                                 *bound,
                                 lines[4].starts_with("shared"),
                                 lines[4].ends_with(" path"),
                                 std::move(message.descriptors)};
  if (lines[0] == "admin")
    into.admin = std::move(socket);
  else if (lines[0] == "probes")
    into.probes = std::move(socket);
  else
    into.listeners.push_back(std::move(socket));
  return true;
}

}  // namespace

base::Result<HandoverPair> make_handover() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return base::Error{base::Reason::internal,
                       base::Fault::proxy,
                       "cannot make a pair of sockets",
                       base::system_cause()};
  return HandoverPair{base::Descriptor(pair[0]), base::Descriptor(pair[1])};
}

std::string send(int descriptor, const HandedOver& all) {
  bool is_sent = send_message(descriptor, greeting);
  const auto send_socket = [&](std::string_view kind, const server::InheritedSocket& socket) {
    is_sent = is_sent && send_message(descriptor, text_of(kind, socket), socket.descriptors);
  };
  for (const server::InheritedSocket& socket : all.listeners) send_socket("listener", socket);
  if (all.admin) send_socket("admin", *all.admin);
  if (all.probes) send_socket("probes", *all.probes);
  for (const std::string& text : texts_of(all.breakers))
    is_sent = is_sent && send_message(descriptor, text);
  is_sent = is_sent && send_message(descriptor, farewell);
  return is_sent ? std::string() : "cannot hand over the sockets: " + system_words(errno);
}

Received receive(int descriptor) {
  const timeval limit{longest_wait_seconds, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  Received received;
  Message message = receive_message(descriptor);
  if (message.problem == 0 && message.text != greeting)
    received.problem = "the process before this one speaks otherwise: restart instead";
  while (message.problem == 0 && received.problem.empty()) {
    message = receive_message(descriptor);
    if (message.problem != 0 || message.text == farewell) break;
    if (!take(std::move(message), received.all))
      received.problem = "what was handed over is not understood";
  }
  if (message.problem != 0)
    received.problem = "cannot take over the sockets: " + system_words(message.problem);
  return received;
}

void say_ready(int descriptor) {
  send_message(descriptor, readiness);
}

void say_why_not(int descriptor, std::string_view why) {
  send_message(descriptor, std::string(failure).append(why.substr(0, most_text - failure.size())));
}

Heard listen_for_ready(int descriptor, std::string& why) {
  char room[most_text];
  const ssize_t size = ::recv(descriptor, room, sizeof room, MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return Heard::nothing;
  if (size <= 0) return Heard::end;
  const std::string_view said(room, static_cast<std::size_t>(size));
  if (said.starts_with(failure)) why = said.substr(failure.size());
  return said == readiness ? Heard::ready : Heard::nothing;
}

}  // namespace process
