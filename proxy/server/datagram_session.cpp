#include "proxy/server/datagram_session.hpp"

#include "proxy/http/datagram.hpp"
#include "proxy/http/final_head.hpp"

#include <algorithm>
#include <utility>

namespace server {
namespace {

using base::Bytes;
using base::Result;
using base::Task;

// Until the upstream takes them.
constexpr std::size_t most_datagrams = 256;
constexpr std::size_t most_bytes = 256 * 1024;

}  // namespace

DatagramSession::DatagramSession(base::Loop& loop, const Ends& ends,
                                 net::ConnectionLimits::Place limits_place, base::Millis idle,
                                 http::Service& service, Owner& owner)
    : loop_(loop),
      ends_(ends),
      place_(std::move(limits_place)),
      idle_(idle),
      service_(service),
      owner_(owner),
      last_(loop.now()),
      came_(loop),
      tasks_(loop) {
  info_.remote = ends.client;
  info_.protocol = "udp";
}

DatagramSession::~DatagramSession() {
  tasks_.cancel_all();
  owner_.on_gone(*this);
}

Task<> DatagramSession::run() {
  http::Incoming incoming;
  incoming.head.method = http::Method::connect;
  incoming.body = http::Body(this);
  co_await service_.serve(std::move(incoming), *this);
  end();
}

void DatagramSession::end() {
  if (std::exchange(is_over_, true)) return;
  owner_.on_over(*this);
  loop_.reap_later(*this);
}

void DatagramSession::cut() {
  tasks_.cancel_all();
  end();
}

void DatagramSession::drain() {
  idle_ = std::min(idle_, http::last_chance);
  came_.set();
}

bool DatagramSession::take(std::string_view datagram) {
  last_ = loop_.now();
  if (received_.size() - next_ >= most_datagrams || held_ + datagram.size() > most_bytes)
    return false;
  held_ += datagram.size();
  received_.push_back(http::datagram_of(datagram));
  came_.set();
  return true;
}

// --- from the client ---

// Its end is that nothing moves any more.
Task<Result<Bytes>> DatagramSession::read() {
  while (next_ == received_.size()) {
    received_.clear();
    next_ = 0;
    if (is_quiet()) co_return Bytes();
    co_await came_.wait(quiet_at());
  }
  Bytes datagram = std::move(received_[next_++]);
  held_ -= datagram.size();
  co_return datagram;
}

// --- to the client ---

Result<void> DatagramSession::send_head(const http::Response& response, bool) {
  is_open_ = http::opens_tunnel(response.status, http::Method::connect);
  return {};
}

Task<Result<void>> DatagramSession::write(Bytes datagram) {
  last_ = loop_.now();
  if (is_open_) owner_.send(*this, std::move(datagram));
  return Result<void>();
}

}  // namespace server
