#include "proxy/http1/client.hpp"

#include "proxy/http1/outgoing_request.hpp"

namespace http1 {

ClientConnection::ClientConnection(std::unique_ptr<net::Transport> transport,
                                   const ClientLimits& limits, Owner& owner)
    : transport_(std::move(transport)), limits_(limits), owner_(owner) {
  transport_->set_owner(this);
}

ClientConnection::~ClientConnection() {
  transport_->set_owner(nullptr);
}

std::unique_ptr<http::ClientStream> ClientConnection::open() {
  assert(is_idle() && !is_closed_);
  auto request = std::make_unique<OutgoingRequest>(*this);
  outgoing_ = request.get();
  return request;
}

bool ClientConnection::is_stale() {
  if (is_closed_ || transport_->write_error() || transport_->has_hung_up()) return true;
  if (!transport_->may_be_readable()) return false;
  return transport_->read_now().state != net::Input::State::would_block;
}

// A request under way learns of it when its response is read.
void ClientConnection::on_hangup() {
  if (is_idle()) close();
}

void ClientConnection::close() {
  if (std::exchange(is_closed_, true)) return;
  transport_->set_owner(nullptr);
  owner_.on_closed(*this);
}

void ClientConnection::finished(bool is_reusable) {
  outgoing_ = nullptr;
  if (is_reusable && !transport_->write_error() && !transport_->has_hung_up()) {
    owner_.on_idle(*this);
    return;
  }
  transport_->close();
  close();
}

}  // namespace http1
