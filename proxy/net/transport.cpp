#include "proxy/net/transport.hpp"

#include "proxy/base/system_cause.hpp"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace net {
namespace {

constexpr std::size_t copied_at_most = 8 * 1024;
constexpr std::size_t most_gathered = 64 * 1024;  // of larger pieces, before they are written
constexpr std::size_t most_parts = 64;           // of one gathered write
constexpr std::size_t most_spare_tails = 64;     // kept by a thread
constexpr std::size_t most_spare_capacity = 64 * 1024;
constexpr std::uint32_t hung_up = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

// Buffers of connections that have nothing queued: an idle connection owns none.
std::vector<std::string>& spare_tails() {
  thread_local std::vector<std::string> spare;
  return spare;
}

// Else its text lies in the string itself: it is nothing that another could use.
bool has_buffer(const std::string& tail) { return tail.capacity() > std::string().capacity(); }

void borrow_tail(std::string& tail) {
  if (has_buffer(tail) || !tail.empty() || spare_tails().empty()) return;
  tail = std::move(spare_tails().back());
  spare_tails().pop_back();
}

void return_tail(std::string& tail) {
  const bool is_kept = has_buffer(tail) && tail.capacity() <= most_spare_capacity;
  if (is_kept && spare_tails().size() < most_spare_tails) {
    tail.clear();
    spare_tails().push_back(std::move(tail));
  }
  tail = std::string();
}

}  // namespace

Transport::Transport(base::EventLoop& loop, int descriptor, ConnectionLimits::Place place)
    : loop_(loop),
      descriptor_(descriptor),
      slot_(loop.poller().add(descriptor, *this)),
      place_(std::move(place)),
      readable_(loop),
      writable_(loop),
      last_written_(loop.now()) {
  if (slot_ < 0) close();
}

Transport::~Transport() { close(); }

void Transport::close() {
  gathering_.reset();
  if (slot_ >= 0) loop_.poller().remove(slot_, descriptor_);
  if (descriptor_ >= 0) ::close(descriptor_);
  slot_ = descriptor_ = -1;
  place_ = {};
  Flushable::unlink();
  output_.clear();
  first_ = held_ = tail_sent_ = 0;
  return_tail(tail_);
  if (!write_error_) write_error_ = boost::system::errc::make_error_code(boost::system::errc::not_connected);
}

// Nor does the kernel keep what it still has for the peer.
void Transport::reset() {
  const linger at_once{1, 0};
  if (is_open()) setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Transport::on_events(std::uint32_t events) {
  if (events & hung_up) has_hung_up_ = true;
  if (events & (EPOLLHUP | EPOLLERR)) is_gone_ = true;
  if (events & (EPOLLIN | hung_up)) is_readable_ = true;
  if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) is_writable_ = true;
  const bool is_awaited = readable_.has_waiter();
  // TLS may want either direction for either, so both waiters look again.
  if (is_awaited) readable_.set();
  if (writable_.has_waiter()) writable_.set();
  if (unsent() > 0 || is_shutdown_wanted_) loop_.flush_later(*this);
  if (!owner_) return;
  if (events & hung_up)
    owner_->on_hangup();
  else if ((events & EPOLLIN) && !is_awaited)
    owner_->on_input();
}

Task<Result<void>> Transport::connected(Time until) {
  while (!is_writable_ && is_open()) {
    const bool came = co_await writable_.wait(until);
    if (!came)
      co_return Error{base::Reason::connect_timeout, base::Fault::upstream, "connecting took too long"};
  }
  int problem = 0;
  socklen_t size = sizeof problem;
  if (!is_open() || getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &problem, &size) != 0)
    problem = errno;
  if (problem == 0) co_return Result<void>();
  co_return Error{base::Reason::connect_failure, base::Fault::upstream, "cannot connect",
                  base::system_cause(problem)};
}

Task<Result<void>> Transport::handshake(std::unique_ptr<TlsSession> session, Time until) {
  tls_ = std::move(session);
  for (;;) {
    if (!is_open())  // its descriptor's number, which the session knows, may be another's by now
      co_return Error{base::Reason::client_gone, base::Fault::downstream, "closed meanwhile"};
    const TlsStatus status = tls_->handshake(has_hung_up_);
    if (status.state == TlsStatus::State::ok) break;
    if (status.state == TlsStatus::State::failed || status.state == TlsStatus::State::end)
      co_return tls_->error();
    is_readable_ = false;
    const bool came = co_await readable_.wait(until);
    if (!came) {
      co_return Error{base::Reason::connect_timeout, base::Fault::upstream,
                      "the TLS handshake took too long"};
    }
  }
  is_readable_ = true;
  co_return Result<void>();
}

base::Event::Awaiter Transport::readable(Time until, std::uint64_t expected) {
  if (is_readable_) {
    readable_.set();
  } else {
    readable_.clear();
    if (gathering_ || expected >= Gathering::batch) gather(expected);
  }
  return readable_.wait(until);
}

Input Transport::read_now() {
  if (!is_open()) return {Input::State::failed, {}, write_error_};
  if (!is_readable_) return {};
  Input input = tls_ ? read_tls() : read_clear();
  if (gathering_) gathering_->was_read(input.bytes.size());
  return input;
}

void Transport::gather(std::uint64_t expected) {
  if (!gathering_) gathering_ = std::make_unique<Gathering>(loop_, descriptor_);
  gathering_->wait(expected);
}

// A short read has drained the socket, unless its end came in the same edge.
Input Transport::read_clear() {
  base::ReadBlock& block = base::ReadBlock::of_this_thread();
  char* room = block.prepare();
  const std::size_t most = base::ReadBlock::most();
  const ssize_t got = ::recv(descriptor_, room, most, 0);
  if (got > 0) {
    is_readable_ = has_hung_up_ || static_cast<std::size_t>(got) == most;
    return {Input::State::data, block.commit(static_cast<std::size_t>(got)), {}};
  }
  if (got == 0) return {Input::State::end, {}, {}};
  if (errno == EAGAIN || errno == EINTR) {
    is_readable_ = errno == EINTR;
    return {};
  }
  return {Input::State::failed, {}, base::system_cause()};
}

Peeked Transport::peek(std::span<char> room) {
  if (!is_open()) return {Input::State::failed, {}};
  if (!is_readable_) return {};
  const ssize_t got = ::recv(descriptor_, room.data(), room.size(), MSG_PEEK);
  if (got > 0) return {Input::State::data, {room.data(), static_cast<std::size_t>(got)}};
  if (got == 0) return {Input::State::end, {}};
  if (errno != EAGAIN && errno != EINTR) return {Input::State::failed, {}};
  is_readable_ = errno == EINTR;
  return {};
}

bool Transport::has_unread() const {
  int count = 0;
  return is_open() && ::ioctl(descriptor_, FIONREAD, &count) == 0 && count > 0;
}

void Transport::skip(std::size_t count) {
  char* const room = base::ReadBlock::of_this_thread().prepare();
  while (count > 0) {
    const ssize_t got = ::recv(descriptor_, room, std::min(count, base::ReadBlock::capacity), 0);
    if (got <= 0) return;  // it was shown: only a reset can have come between
    count -= static_cast<std::size_t>(got);
  }
}

Input Transport::read_tls() {
  base::ReadBlock& block = base::ReadBlock::of_this_thread();
  char* room = block.prepare();
  const TlsStatus status = tls_->read(room, base::ReadBlock::most(), has_hung_up_);
  if (status.state == TlsStatus::State::want_read) is_readable_ = false;
  if (status.bytes > 0) return {Input::State::data, block.commit(status.bytes), {}};
  switch (status.state) {
    case TlsStatus::State::end:
      return {Input::State::end, {}, {}};
    case TlsStatus::State::failed:
      return {Input::State::failed, {}, tls_->error().cause};
    default:
      is_readable_ = false;
      return {};
  }
}

void Transport::rest() {
  gathering_.reset();
  if (output_.empty()) output_.shrink_to_fit();
}

void Transport::interrupt() {
  if (readable_.has_waiter()) readable_.set();
  if (writable_.has_waiter()) writable_.set();
}

bool Transport::has_input_ended() const {
  if (!has_hung_up_) return false;
  if (tls_ && tls_->has_unread()) return false;
  char byte = 0;
  return ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

std::string& Transport::tail() {
  borrow_tail(tail_);
  return tail_;
}

void Transport::queue(Bytes bytes) {
  if (write_error_ || bytes.empty()) return;
  seal_tail();
  held_ += bytes.size();
  output_.push_back(std::move(bytes));
}

void Transport::send(Bytes bytes) {
  if (write_error_ || bytes.empty()) return;
  if (bytes.size() <= copied_at_most) return send(bytes.view());
  queue(std::move(bytes));
  if (!is_writable_)
    output_.back().compact();
  else if (unsent() < most_gathered)
    loop_.flush_later(*this);
  else
    flush();
}

// What comes next is not to be copied: the tail becomes a piece of its own.
void Transport::seal_tail() {
  if (tail_.empty()) return;
  output_.push_back(Bytes::copy_of(std::string_view(tail_).substr(tail_sent_)));
  held_ += output_.back().size();
  tail_sent_ = 0;
  return_tail(tail_);
}

void Transport::flush() {
  if (!is_open()) return;
  if (write_error_) return fail_output(write_error_);
  const std::uint64_t before = written_;
  while (unsent() > 0 && is_writable_) {
    std::array<iovec, most_parts> room;
    const std::span<const iovec> parts(room.data(), gather(room));
    const bool goes_on = tls_ ? write_tls(parts) : write_clear(parts);
    if (!goes_on) break;
  }
  if (!is_writable_)
    for (std::size_t i = first_; i < output_.size(); ++i) output_[i].compact();
  if ((written_ != before || write_error_) && writable_.has_waiter()) writable_.set();
  if (unsent() == 0 && is_shutdown_wanted_) finish_shutdown();
  if (written_ == before) return;
  last_written_ = loop_.now();
  if (owner_) owner_->on_written();
}

// What is queued, in order, as much as there is room for.
std::size_t Transport::gather(std::span<iovec> parts) const {
  std::size_t count = 0;
  for (std::size_t i = first_; i < output_.size() && count < parts.size(); ++i)
    parts[count++] = {const_cast<char*>(output_[i].data()), output_[i].size()};
  if (tail_.size() > tail_sent_ && count < parts.size())
    parts[count++] = {const_cast<char*>(tail_.data()) + tail_sent_, tail_.size() - tail_sent_};
  return count;
}

bool Transport::write_clear(std::span<const iovec> parts) {
  std::size_t size = 0;
  for (const iovec& part : parts) size += part.iov_len;
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  const ssize_t sent = parts.size() == 1
                           ? ::send(descriptor_, parts[0].iov_base, size, MSG_NOSIGNAL)
                           : ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
  if (sent < 0) {
    if (errno == EINTR) return true;
    is_writable_ = false;
    if (errno != EAGAIN) fail_output(base::system_cause());
    return false;
  }
  written_ += static_cast<std::size_t>(sent);
  took(static_cast<std::size_t>(sent));
  if (static_cast<std::size_t>(sent) < size) is_writable_ = false;
  return true;
}

bool Transport::write_tls(std::span<const iovec> parts) {
  const std::uint64_t before = tls_->bytes_sent();
  const TlsStatus status = tls_->write(parts);
  written_ += tls_->bytes_sent() - before;
  took(status.bytes);
  if (status.state == TlsStatus::State::ok) return true;
  is_writable_ = false;
  if (status.state != TlsStatus::State::want_write) fail_output(tls_->error().cause);
  return false;
}

void Transport::took(std::size_t count) {
  if (count == 0) return;
  while (count > 0 && first_ < output_.size()) {
    Bytes& front = output_[first_];
    const std::size_t of_this = std::min(count, front.size());
    front.remove_prefix(of_this);
    held_ -= of_this;
    count -= of_this;
    if (!front.empty()) return;
    front = Bytes();
    if (++first_ == output_.size()) {
      output_.clear();
      first_ = 0;
    }
  }
  tail_sent_ += count;
  if (tail_sent_ < tail_.size()) return;
  tail_sent_ = 0;
  return_tail(tail_);
}

void Transport::fail_output(boost::system::error_code cause) {
  write_error_ = cause ? cause
                       : boost::system::errc::make_error_code(boost::system::errc::broken_pipe);
  output_.clear();
  first_ = held_ = tail_sent_ = 0;
  return_tail(tail_);
  if (writable_.has_waiter()) writable_.set();
}

Task<bool> Transport::drained(std::size_t most, Time until) {
  flush();
  while (unsent() > most && !write_error_) {
    const bool came = co_await writable_.wait(until);
    if (!came) co_return false;
  }
  co_return true;
}

void Transport::shutdown_send() {
  is_shutdown_wanted_ = true;
  loop_.flush_later(*this);
}

void Transport::finish_shutdown() {
  if (tls_) tls_->shutdown();
  if (unsent() > 0) return;  // the close_notify waits
  is_shutdown_wanted_ = false;
  ::shutdown(descriptor_, SHUT_WR);
}

}  // namespace net
