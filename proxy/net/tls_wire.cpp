#include "proxy/net/tls_wire.hpp"

#include "proxy/base/system_cause.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace net {
namespace {

constexpr std::size_t most_received = 64 * 1024;
constexpr std::size_t largest_record = 17 * 1024;
// Answers to a peer that makes us write while it reads nothing: beyond it the output has failed.
constexpr std::size_t most_kept = 4 * TlsWire::most_collected;

// What an operation receives and writes: one at a time on a thread.
struct Room {
  Room() { output.reserve(TlsWire::most_collected + largest_record); }
  std::array<char, most_received> input;
  std::string output;
};

Room& room() {
  thread_local const std::unique_ptr<Room> of_thread(new Room);
  return *of_thread;
}

}  // namespace

struct TlsWire::Callbacks {
  // The one whose operation it is; null between two.
  static TlsWire*& present() {
    thread_local TlsWire* wire = nullptr;
    return wire;
  }

  static int read(BIO* bio, char* to, std::size_t size, std::size_t* got) {
    TlsWire& wire = *present();
    BIO_clear_retry_flags(bio);
    if (wire.unread_.empty() && !wire.receive()) {
      if (!wire.read_error_) BIO_set_retry_read(bio);
      return 0;
    }
    *got = std::min(size, wire.unread_.size());
    std::memcpy(to, wire.unread_.data(), *got);
    wire.unread_.remove_prefix(*got);
    return 1;
  }

  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* taken) {
    BIO_clear_retry_flags(bio);
    if (!present()->write_error_) room().output.append(from, size);
    *taken = size;
    return 1;
  }

  static long control(BIO*, int what, long, void*) {
    return what == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static BIO_METHOD* make() {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (!method) return nullptr;
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
  }
};

BIO* TlsWire::bio() {
  static const std::unique_ptr<BIO_METHOD, decltype(&BIO_meth_free)> method(Callbacks::make(),
                                                                            BIO_meth_free);
  thread_local const std::unique_ptr<BIO, decltype(&BIO_free)> of_thread(
      method ? BIO_new(method.get()) : nullptr, BIO_free);
  if (!of_thread) return nullptr;
  BIO_set_init(of_thread.get(), 1);
  BIO_up_ref(of_thread.get());
  return of_thread.get();
}

void TlsWire::begin(bool may_end) {
  Callbacks::present() = this;
  may_end_ = may_end;
  is_socket_empty_ = false;
  unread_ = input_.view();
  is_input_new_ = false;
  room().output.clear();
}

bool TlsWire::receive() {
  if (is_socket_empty_ || has_ended_ || read_error_) return false;
  Room& shared = room();
  ssize_t got = 0;
  do {
    got = ::recv(descriptor_, shared.input.data(), shared.input.size(), 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) {
    unread_ = {shared.input.data(), static_cast<std::size_t>(got)};
    is_input_new_ = true;
    is_socket_empty_ = !may_end_ && unread_.size() < shared.input.size();
    return true;
  }
  has_ended_ = got == 0;
  if (got < 0 && errno != EAGAIN) read_error_ = base::system_cause();
  return false;
}

// What the kernel took of it.
std::size_t TlsWire::send(std::string_view records) {
  if (records.empty() || write_error_) return 0;
  ssize_t taken = 0;
  do {
    taken = ::send(descriptor_, records.data(), records.size(), MSG_NOSIGNAL);
  } while (taken < 0 && errno == EINTR);
  if (taken < 0 && errno != EAGAIN) write_error_ = base::system_cause();
  const std::size_t count = taken > 0 ? static_cast<std::size_t>(taken) : 0;
  sent_ += count;
  return count;
}

bool TlsWire::is_full() const {
  return !output_.empty() || room().output.size() >= most_collected;
}

void TlsWire::keep_input() {
  if (unread_.empty())
    input_ = base::Bytes();
  else if (is_input_new_)
    input_ = base::Bytes::copy_of(unread_);
  else
    input_.remove_prefix(input_.size() - unread_.size());
  unread_ = {};
}

void TlsWire::flush() {
  output_.remove_prefix(send(output_.view()));
  if (write_error_) output_ = base::Bytes();
}

void TlsWire::finish() {
  Callbacks::present() = nullptr;
  keep_input();
  std::string_view made = room().output;
  if (output_.empty()) made.remove_prefix(send(made));
  if (output_.size() + made.size() > most_kept)
    write_error_ = boost::system::errc::make_error_code(boost::system::errc::no_buffer_space);
  if (write_error_)
    output_ = base::Bytes();
  else if (output_.empty())
    output_ = base::Bytes::copy_of(made);
  else if (!made.empty())
    output_ = base::Bytes::copy_of(std::string(output_.view()).append(made));
}

}  // namespace net
