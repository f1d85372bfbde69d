#include "proxy/net/tcp_options.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace net {
namespace {

constexpr int silence = 60;  // seconds, then the kernel asks whether the peer is there
constexpr int between = 10;  // seconds
constexpr int questions = 6;

}  // namespace

void set_tcp_options(int descriptor) {
  const int on = 1;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &silence, sizeof silence);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &between, sizeof between);
  setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &questions, sizeof questions);
}

}  // namespace net
