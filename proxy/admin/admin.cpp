#include "proxy/admin/admin.hpp"

#include "proxy/http/final_head.hpp"
#include "proxy/routing/route_match.hpp"

#include <algorithm>
#include <iterator>
#include <unistd.h>

namespace admin {
namespace {

constexpr std::string_view plain = "text/plain; charset=utf-8";
constexpr std::string_view json = "application/json";
constexpr std::string_view prometheus = "text/plain; version=0.0.4; charset=utf-8";

http::Response say(int status, std::string_view text, std::string_view type = plain) {
  http::Response response;
  response.status = status;
  response.is_from_upstream = false;
  response.headers.add(http::Name::content_type, type);
  response.headers.add(http::Name::content_length, std::to_string(text.size()));
  response.headers.add("cache-control", "no-store");
  response.body = http::Body::of(base::Bytes::copy_of(text));
  return response;
}

http::Response refuse_method(std::string_view allowed) {
  http::Response response = say(405, "method not allowed\n");
  response.headers.add("allow", allowed);
  return response;
}

bool is_read(http::Method method) {
  return method == http::Method::get || method == http::Method::head;
}

bool is_for_reading(std::string_view path) {
  constexpr std::string_view known[] = {"/live",   "/ready",    "/metrics",
                                        "/config", "/clusters", "/stats"};
  return std::find(std::begin(known), std::end(known), path) != std::end(known);
}

}  // namespace

class Admin::Connection final : http1::ServerConnection::Owner, base::Reapable {
 public:
  Connection(Admin& admin, int descriptor, const base::Address& remote) : admin_(admin) {
    info_.remote = remote;
    info_.local = admin.address_;
    info_.protocol = "http1";
    http1::ServerConnection::Owner& owner = *this;
    http1_ = std::make_unique<http1::ServerConnection>(
        std::make_unique<net::Transport>(admin.loop_, descriptor), admin.lingering_, info_,
        admin.settings_, admin, owner);
  }
  ~Connection() {
    http1_.reset();
    admin_.connections_[place] = admin_.connections_.back();
    admin_.connections_[place]->place = place;
    admin_.connections_.pop_back();
  }
  void start() { http1_->start({}); }

  std::size_t place = 0;

 private:
  void on_closed(http1::ServerConnection&) override { admin_.loop_.reap_later(*this); }
  void reap() noexcept override { delete this; }

  Admin& admin_;
  http::ConnectionInfo info_;
  std::unique_ptr<http1::ServerConnection> http1_;
};

Admin::Admin(base::EventLoop& loop, net::Lingering& lingering, int descriptor, bool is_unix,
             AdminSource& source)
    : loop_(loop),
      lingering_(lingering),
      source_(source),
      address_(base::Address::local_of(descriptor)),
      is_unix_(is_unix),
      acceptor_(loop, descriptor, false, *this) {}

Admin::~Admin() {
  while (!connections_.empty()) delete connections_.back();
}

void Admin::on_accept(int descriptor, const base::Address& remote) {
  if (connections_.size() >= most_connections) {
    ::close(descriptor);
    return;
  }
  auto* connection = new Connection(*this, descriptor, remote);
  connection->place = connections_.size();
  connections_.push_back(connection);
  connection->start();
}

base::Task<> Admin::serve(http::Incoming incoming, http::ServerStream& stream) {
  http::Response response;
  if (incoming.refused) {
    response = say(400, "bad request\n");
  } else if (!asks_workers(incoming.head)) {
    response = answer(incoming.head);
  } else if (incoming.head.path_only() == "/metrics") {
    const std::string metrics = co_await source_.metrics();
    response = say(200, metrics, prometheus);
  } else {
    const std::string clusters = co_await source_.clusters();
    response = say(200, clusters, json);
  }
  http::complete_head(response, incoming.head.method, loop_.now());
  const bool ends = response.body.is_empty();
  const base::Result<void> sent = stream.send_head(response, ends);
  if (!sent || ends) co_return;
  base::Result<base::Bytes> text = co_await response.body.read();
  if (!text) co_return;
  const base::Result<void> taken = co_await stream.write(std::move(*text));
  if (taken) (void)stream.finish({});
}

bool Admin::asks_workers(const http::RequestHead& head) const {
  const std::string_view path = head.path_only();
  return (path == "/clusters" || path == "/metrics") && is_read(head.method) &&
         is_known_host(head.authority);
}

http::Response Admin::answer(const http::RequestHead& head) {
  const std::string_view path = head.path_only();
  const bool is_later = path == "/reload" || path.starts_with("/breakers/");
  const bool is_command = is_later || path == "/drain";
  if (!is_known_host(head.authority)) return say(403, "unknown host\n");
  if (is_command && head.method != http::Method::post) return refuse_method("POST");
  if (!is_command && !is_for_reading(path)) return say(404, "not found\n");
  if (!is_command && !is_read(head.method)) return refuse_method("GET, HEAD");
  if (is_later) return say(501, "not yet in this version\n");
  if (path == "/live") return say(200, "live\n");
  if (path == "/ready") return source_.is_ready() ? say(200, "ready\n") : say(503, "not ready\n");
  if (path == "/config") return say(200, source_.config(), "application/yaml");
  if (path == "/stats") return say(200, source_.stats(), json);
  source_.drain();
  return say(202, "draining\n");
}

// Against web pages that have a name of theirs resolve to this address (DNS rebinding).
bool Admin::is_known_host(std::string_view authority) const {
  char buffer[256];
  const std::string_view host = routing::host_of(authority, buffer, sizeof buffer);
  return is_unix_ || host == "localhost" || host == address_.ip() || host == "127.0.0.1" ||
         host == "::1";
}

}  // namespace admin
