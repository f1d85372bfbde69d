#include "proxy/server/datagram_sessions.hpp"

#include <utility>

namespace server {
namespace {

std::string key_of(const base::Address& source, const base::Address& asked) {
  std::string key(reinterpret_cast<const char*>(source.bytes()), 16);
  if (!asked.is_none()) key.append(reinterpret_cast<const char*>(asked.bytes()), 16);
  key += static_cast<char>(source.port() >> 8);
  key += static_cast<char>(source.port() & 0xff);
  return key;
}

}  // namespace

DatagramSessions::DatagramSessions(base::EventLoop& loop, base::Descriptor descriptor,
                                   http::Service& service, Owner& owner)
    : loop_(loop), service_(service), owner_(owner), socket_(loop, std::move(descriptor), *this) {}

DatagramSessions::~DatagramSessions() {
  while (!sessions_.empty()) delete sessions_.back();
}

void DatagramSessions::on_datagram(const base::Address& source, const base::Address& asked,
                                   std::string_view bytes) {
  const std::string key = key_of(source, asked);
  const auto found = by_client_.find(key);
  DatagramSession* const session =
      found != by_client_.end() ? found->second : begin(source, asked, key);
  if (!session || !session->take(bytes)) owner_.datagram_dropped();
}

DatagramSession* DatagramSessions::begin(const base::Address& source, const base::Address& asked,
                                         const std::string& key) {
  if (!takes_new_ || is_draining_) return nullptr;
  net::ConnectionLimits::Place place = owner_.admit_session(source);
  if (!place) return nullptr;
  DatagramSession::Owner& owner = *this;
  auto* session =
      new DatagramSession(loop_, {source, asked}, std::move(place), owner_.session_idle(), service_,
                          owner);
  session->place = sessions_.size();
  sessions_.push_back(session);
  by_client_[key] = session;
  owner_.session_began();
  session->start();
  const auto found = by_client_.find(key);  // unless the chain has refused it at once
  return found == by_client_.end() ? nullptr : found->second;
}

void DatagramSessions::send(const DatagramSession& session, base::Bytes datagram) {
  socket_.send(session.ends().client, session.ends().asked, std::move(datagram));
  for (; dropped_ < socket_.dropped(); ++dropped_) owner_.datagram_dropped();
}

void DatagramSessions::drain(bool is_replaced) {
  is_draining_ = true;
  is_replaced_ = is_replaced;
  for (DatagramSession* each : sessions_) each->drain();
  close_if_over();
}

// Who has taken over would miss what is received here; what is still to be answered, is.
void DatagramSessions::close_if_over() {
  if (!is_draining_) return;
  if (sessions_.empty()) return socket_.close();
  if (is_replaced_) socket_.stop_receiving();
}

void DatagramSessions::cut() {
  for (DatagramSession* each : sessions_) each->cut();
}

void DatagramSessions::on_over(DatagramSession& session) {
  by_client_.erase(key_of(session.ends().client, session.ends().asked));
}

void DatagramSessions::on_gone(DatagramSession& session) {
  const auto found = by_client_.find(key_of(session.ends().client, session.ends().asked));
  if (found != by_client_.end() && found->second == &session) by_client_.erase(found);
  sessions_[session.place] = sessions_.back();
  sessions_[session.place]->place = session.place;
  sessions_.pop_back();
  close_if_over();
  owner_.session_ended();
}

}  // namespace server
