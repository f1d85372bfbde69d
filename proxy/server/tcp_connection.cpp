#include "proxy/server/tcp_connection.hpp"

#include "proxy/http/final_head.hpp"
#include "proxy/net/taken.hpp"
#include "proxy/server/listener_settings.hpp"

#include <utility>

namespace server {
namespace {

using base::Bytes;
using base::Error;
using base::Fault;
using base::Reason;
using base::Result;
using base::Task;
using net::Input;

constexpr std::size_t most_unsent = 64 * 1024;

Error client_gone(boost::system::error_code cause) {
  return {Reason::client_gone, Fault::downstream, "the client reset the connection", cause};
}

}  // namespace

TcpConnection::TcpConnection(std::unique_ptr<net::Transport> transport, const ProtocolParts& parts)
    : transport_(std::move(transport)),
      lingering_(parts.lingering),
      info_(parts.info),
      service_(parts.service),
      owner_(parts.owner),
      send_timeout_(parts.settings->http1.send_timeout),
      tasks_(transport_->loop()) {
  transport_->set_owner(this);
}

void TcpConnection::start(Bytes already_read, base::Time) {
  input_ = std::move(already_read);
  tasks_.spawn(run()).release();
}

Task<> TcpConnection::run() {
  http::Incoming incoming;
  incoming.head.method = http::Method::connect;
  incoming.body = http::Body(this);
  co_await service_.serve(std::move(incoming), *this);
  close();
}

// Whatever has not ended well is not to look as if it had.
void TcpConnection::close() {
  if (std::exchange(is_closed_, true)) return;
  transport_->set_owner(nullptr);
  if (has_sent_all_)
    lingering_.take(std::move(transport_), send_timeout_);
  else
    transport_->reset();
  owner_.on_closed();
}

void TcpConnection::cut() {
  tasks_.cancel_all();
  close();
}

// That the client sends no more ends one direction only; gone before we have ended ours, it was a
// reset.
void TcpConnection::on_hangup() {
  if (!transport_->is_gone() || has_sent_all_) return;
  tasks_.cancel_all();
  close();
}

// --- to the client ---

Result<void> TcpConnection::send_head(const http::Response& response, bool) {
  is_open_ = http::opens_tunnel(response.status, http::Method::connect);
  return {};
}

// Why there is no upstream is told in the log: here nobody could read it.
Task<Result<void>> TcpConnection::write(Bytes piece) {
  if (transport_->write_error()) return Result<void>(client_gone(transport_->write_error()));
  if (!is_open_) return Result<void>();
  transport_->send(std::move(piece));
  if (transport_->unsent() <= most_unsent) return Result<void>();
  return net::taken(*transport_, most_unsent, client_gone);
}

Result<void> TcpConnection::finish(const http::Headers&) {
  if (!is_open_) return {};
  transport_->shutdown_send();
  has_sent_all_ = true;
  return {};
}

void TcpConnection::abort(const Error&) noexcept {
  transport_->reset();
}

// --- from the client ---

Task<Result<Bytes>> TcpConnection::read() {
  while (input_.empty()) {
    Input input = transport_->read_now();
    if (input.state == Input::State::end) break;
    if (input.state == Input::State::failed) co_return client_gone(input.cause);
    input_ = std::move(input.bytes);
    if (input_.empty()) co_await transport_->readable();
  }
  co_return std::exchange(input_, Bytes());
}

}  // namespace server
