#include "tests/harness/socket.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "proxy/base/ascii.hpp"

namespace harness {
namespace {

constexpr int patience = 10'000;  // milliseconds

}  // namespace

std::string field_of(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != head.npos) {
    head.remove_prefix(at + 2);
    at = head.find("\r\n");
    const std::string_view line = head.substr(0, at);
    const std::size_t colon = line.find(':');
    if (colon != line.npos && base::same_ignoring_case(line.substr(0, colon), name))
      return std::string(base::trim(line.substr(colon + 1)));
  }
  return {};
}

std::string Answer::field(std::string_view name) const { return field_of(head, name); }

Socket::Socket(int descriptor) : descriptor_(descriptor) {}

Socket::Socket(Socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      was_reset_(other.was_reset_),
      unread_(std::move(other.unread_)),
      trailers_(std::move(other.trailers_)),
      tls_(std::move(other.tls_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(was_reset_, other.was_reset_);
  std::swap(unread_, other.unread_);
  std::swap(trailers_, other.trailers_);
  std::swap(tls_, other.tls_);
  return *this;
}

Socket Socket::connect(const base::Address& address) {
  Socket socket(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  const base::Address::Socket to = address.socket();
  if (::connect(socket.descriptor_, to.get(), to.size) != 0)
    throw std::system_error(errno, std::generic_category(), "connect " + address.to_string());
  const int one = 1;
  setsockopt(socket.descriptor_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return socket;
}

bool Socket::secure(const Tls& tls, TlsEnd::Role role) {
  const timeval longest{patience / 1000, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof longest);
  tls_ = std::make_unique<TlsEnd>(tls, descriptor_, role);
  return tls_->handshake();
}

bool Socket::send(std::string_view bytes) {
  if (tls_) return tls_->write(bytes);
  while (!bytes.empty()) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

std::string Socket::take(std::size_t count) {
  std::string taken = unread_.substr(0, count);
  unread_.erase(0, taken.size());
  return taken;
}

std::string Socket::read_some() {
  if (!unread_.empty()) return take(unread_.size());
  pollfd readable{descriptor_, POLLIN, 0};
  const bool is_there = tls_ && tls_->has_pending();
  if (!is_there && ::poll(&readable, 1, patience) == 0) throw Silence("nothing came");
  char buffer[64 * 1024];
  const ssize_t count = tls_ ? tls_->read(buffer, sizeof buffer)
                             : ::recv(descriptor_, buffer, sizeof buffer, 0);
  was_reset_ = count < 0;
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : std::string();
}

std::string Socket::read_until(std::string_view mark) {
  std::string got = read_some();
  std::size_t at = got.find(mark);
  while (at == got.npos) {
    const std::string more = read_some();
    if (more.empty()) return got;
    const std::size_t from = got.size() - std::min(got.size(), mark.size());
    got += more;
    at = got.find(mark, from);
  }
  unread_ = got.substr(at + mark.size()) + unread_;
  got.resize(at + mark.size());
  return got;
}

std::string Socket::read_exactly(std::size_t count) {
  std::string got;
  while (got.size() < count) {
    if (unread_.empty()) {
      unread_ = read_some();
      if (unread_.empty()) return got;
    }
    got += take(count - got.size());
  }
  return got;
}

std::string Socket::read_to_end() {
  std::string got;
  for (;;) {
    const std::string more = read_some();
    if (more.empty()) return got;
    got += more;
  }
}

std::string Socket::read_head() {
  std::string head = read_until("\r\n\r\n");
  if (!head.ends_with("\r\n\r\n")) return {};
  head.resize(head.size() - 4);
  return head;
}

std::string Socket::read_body(std::string_view head, bool& is_whole) {
  is_whole = true;
  const std::string length = field_of(head, "content-length");
  if (!length.empty()) {
    const std::size_t size = std::strtoull(length.c_str(), nullptr, 10);
    std::string body = read_exactly(size);
    is_whole = body.size() == size;
    return body;
  }
  if (!base::same_ignoring_case(field_of(head, "transfer-encoding"), "chunked"))
    return head.starts_with("HTTP/") ? read_to_end() : std::string();
  std::string body;
  trailers_.clear();
  for (;;) {
    const std::string line = read_until("\r\n");
    const std::size_t size = std::strtoull(line.c_str(), nullptr, 16);
    if (line.ends_with("\r\n") && size > 0) {
      const std::string chunk = read_exactly(size + 2);
      body.append(chunk, 0, size);
      if (chunk.size() == size + 2) continue;
    }
    std::string trailer = line.ends_with("\r\n") && size == 0 ? read_until("\r\n") : std::string();
    while (trailer.size() > 2 && trailer.ends_with("\r\n")) {
      trailers_ += trailer;
      trailer = read_until("\r\n");
    }
    is_whole = trailer == "\r\n";
    return body;
  }
}

Answer Socket::read_answer(bool is_head) {
  Answer answer;
  do {
    answer.head = read_head();
    if (answer.head.size() < 12) {
      answer.is_whole = false;
      return answer;
    }
    answer.status = std::atoi(answer.head.c_str() + 9);
  } while (answer.status < 200 && answer.status != 101);
  const bool has_body = !is_head && answer.status >= 200 && answer.status != 204 &&
                        answer.status != 304;
  if (has_body) answer.body = read_body(answer.head, answer.is_whole);
  return answer;
}

void Socket::finish() {
  if (tls_) tls_->close_notify();
  ::shutdown(descriptor_, SHUT_WR);
}

void Socket::reset() {
  const linger at_once{1, 0};
  setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  cut();
}

void Socket::close() {
  if (tls_ && descriptor_ >= 0) tls_->close_notify();
  cut();
}

void Socket::cut() {
  tls_.reset();
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

}  // namespace harness
