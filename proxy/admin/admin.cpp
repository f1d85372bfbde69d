#include "proxy/admin/admin.hpp"

#include "proxy/admin/query.hpp"
#include "proxy/admin/tap_stream.hpp"
#include "proxy/admin/watch_stream.hpp"
#include "proxy/http/final_head.hpp"
#include "proxy/http/local_reply.hpp"
#include "proxy/http/pump.hpp"
#include "proxy/stats/open_metrics.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>

namespace admin {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view prometheus = "text/plain; version=0.0.4; charset=utf-8";

http::Task<http::Reply> now(http::Response response) {
  return http::Reply(std::move(response));
}

http::Task<http::Reply> metrics(AdminSource& source, const http::Request& request) {
  const auto accepted = request.headers.find("accept");
  const bool is_open = accepted && accepted->find("application/openmetrics-text") != accepted->npos;
  const std::string text = co_await source.metrics();
  if (is_open) co_return say(200, stats::open_metrics(text), stats::open_metrics_type);
  co_return say(200, text, prometheus);
}

http::Task<http::Reply> clusters(AdminSource& source) {
  const std::string text = co_await source.clusters();
  co_return say(200, text, json_type);
}

http::Task<http::Reply> reload(AdminSource& source) {
  const std::string problem = co_await source.reload();
  if (problem.empty()) co_return say(200, "reloaded\n");
  co_return say(422, problem + '\n');
}

http::Task<http::Reply> upgrade(AdminSource& source) {
  const std::string problem = co_await source.upgrade();
  if (problem.empty()) co_return say(200, "upgraded: another process takes over\n");
  co_return say(422, problem + '\n');
}

// `?when=EXPRESSION`; without it all.
http::Task<http::Reply> tap(AdminSource& source, const http::Request& request) {
  const std::optional<std::string> when = query_value(request.path, "when");
  config::ParsedExpression parsed;
  if (when) parsed = config::parse_expression(*when);
  if (!parsed.problem.empty()) return now(say(400, parsed.problem + '\n'));
  return now(tap_stream(source.loop(), source.tap(), std::move(parsed.value)));
}

http::Response set_breaker(AdminSource& source, const http::Request& request) {
  constexpr std::string_view prefix = "/breakers/";
  const auto place = unescaped(request.path_only().substr(prefix.size()));
  const std::string_view path = request.path;
  const std::size_t mark = path.find('?');
  const std::string_view query = mark == path.npos ? std::string_view() : path.substr(mark + 1);
  for (const std::string_view mode : {"open", "closed", "auto"}) {
    if (query != "state=" + std::string(mode)) continue;
    if (source.is_handing_over())
      return say(409, "an upgrade is under way: say it again when it is over\n");
    if (!place) return say(404, "the place is not escaped as a path has it\n");
    if (const std::string problem = source.set_breaker(*place, mode); !problem.empty())
      return say(404, problem + '\n');
    return say(200, *place + ": " + std::string(mode) + '\n');
  }
  return say(400, "say ?state=open, ?state=closed or ?state=auto\n");
}

http::Chain chain_of(http::Handler& routes, std::unique_ptr<SiteGuard> guard) {
  std::vector<std::unique_ptr<http::Filter>> filters;
  if (guard) filters.push_back(std::move(guard));
  return http::Chain(std::move(filters), routes);
}

}  // namespace

std::vector<AdminRoute> probes_of(AdminSource& source) {
  using http::Method;
  using http::Request;
  return {
      {Method::get, "/live", "200 while the process runs",
       [](Request&) { return now(say(200, "live\n")); }},
      {Method::get, "/ready", "200 while it takes traffic, else 503",
       [&source](Request&) {
         return now(source.is_ready() ? say(200, "ready\n") : say(503, "not ready\n"));
       }},
      {Method::get, "/metrics", "for Prometheus",
       [&source](Request& request) { return metrics(source, request); }},
  };
}

std::vector<AdminRoute> routes_of(AdminSource& source) {
  using http::Method;
  using http::Request;
  std::vector<AdminRoute> all = probes_of(source);
  const std::vector<AdminRoute> more = {
      {Method::get, "/config", "what is in force, as YAML",
       [&source](Request&) { return now(say(200, source.config(), "application/yaml")); }},
      {Method::get, "/clusters", "endpoints, pools and breakers, as JSON",
       [&source](Request&) { return clusters(source); }},
      {Method::get, "/stats", "the process and its listeners, as JSON",
       [&source](Request&) { return now(say(200, source.stats(), json_type)); }},
      {Method::get, "/watch", "what it does, once a second, as server-sent events",
       [feed = std::make_shared<WatchFeed>(source)](Request&) { return now(feed->stream()); }},
      {Method::get, "/requests", "the last that failed, were slow or retried; ?id=",
       [&source](Request& request) {
         return now(say(200, source.requests(query_value(request.path, "id").value_or("")), json_type));
       }},
      {Method::get, "/tap", "requests as they end, as server-sent events; ?when=EXPRESSION",
       [&source](Request& request) { return tap(source, request); }},
      {Method::post, "/drain", "ends, letting what is under way finish",
       [&source](Request&) {
         source.drain();
         return now(say(202, "draining\n"));
       }},
      {Method::post, "/quit", "ends as if the app had ended",
       [&source](Request&) {
         source.quit();
         return now(say(202, "ending\n"));
       }},
      {Method::post, "/reload", "reads the configuration again",
       [&source](Request&) { return reload(source); }},
      {Method::post, "/upgrade", "hands over to the binary on disk",
       [&source](Request&) { return upgrade(source); }},
      {Method::post, "/breakers/*", "?state=open, closed or auto",
       [&source](Request& request) { return now(set_breaker(source, request)); }},
      {Method::get, "/", "", nullptr},
  };
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

class Admin::Connection final : http1::ServerConnection::Owner, base::Reapable {
 public:
  Connection(Admin& admin, std::unique_ptr<net::Transport> transport, const base::Address& remote)
      : admin_(admin) {
    info_.remote = remote;
    info_.protocol = "http1";
    http1::ServerConnection::Owner& owner = *this;
    http1_ = std::make_unique<http1::ServerConnection>(std::move(transport), admin.lingering_,
                                                       info_, admin.settings_, admin, owner);
  }
  ~Connection() {
    http1_.reset();
    std::erase(admin_.connections_, this);
  }
  void start() { http1_->start({}); }
  bool is_idle() const { return !is_closed_ && http1_->is_idle(); }
  bool is_silent() const { return is_idle() && !http1_->has_been_asked(); }
  void end() { http1_->cut(); }

 private:
  void on_closed(http1::ServerConnection&) override {
    is_closed_ = true;
    admin_.loop_.reap_later(*this);
  }
  void reap() noexcept override { delete this; }

  Admin& admin_;
  http::ConnectionInfo info_;
  std::unique_ptr<http1::ServerConnection> http1_;
  bool is_closed_ = false;
};

Admin::Admin(base::EventLoop& loop, base::Descriptor listening, std::shared_ptr<net::UnixPath> path,
             std::vector<AdminRoute> routes, std::unique_ptr<SiteGuard> guard,
             const http1::ServerSettings& settings)
    : loop_(loop),
      lingering_(loop),
      settings_(std::make_shared<const http1::ServerSettings>(settings)),
      address_(base::Address::local_of(listening.number())),
      routes_(std::move(routes)),
      chain_(chain_of(routes_, std::move(guard))),
      acceptor_(loop, std::move(listening), std::move(path), *this) {}

Admin::~Admin() {
  while (!connections_.empty()) delete connections_.back();
}

void Admin::on_accept(int descriptor, const base::Address& remote) {
  net::ConnectionLimits::Place place = limits_.admit(remote);
  while (!place && make_room()) place = limits_.admit(remote);
  if (!place) {
    ::close(descriptor);
    return;
  }
  auto* connection = new Connection(
      *this, std::make_unique<net::Transport>(loop_, descriptor, std::move(place)), remote);
  connections_.push_back(connection);
  connection->start();
}

// Who connects and asks nothing must not keep a probe or an operator out: what only lingers goes
// first, where the others come to stand themselves; then the oldest that has never asked; then the
// oldest that asks nothing now. False: all are being answered.
bool Admin::make_room() {
  if (lingering_.end_oldest()) return true;
  const auto oldest_of = [this](bool (Connection::*is_so)() const) {
    return std::find_if(connections_.begin(), connections_.end(),
                        [is_so](const Connection* each) { return (each->*is_so)(); });
  };
  auto oldest = oldest_of(&Connection::is_silent);
  if (oldest == connections_.end()) oldest = oldest_of(&Connection::is_idle);
  if (oldest == connections_.end()) return false;
  (*oldest)->end();
  return true;
}

base::Task<> Admin::serve(http::Incoming&& incoming, http::ServerStream& stream) {
  http::StreamInfo info(loop_, stream.connection());
  http::Scope scope(info.started);
  const std::optional<base::Error> refused = incoming.refused;
  http::Request request(std::move(incoming.head), std::move(incoming.body), stream, scope, info);
  http::Reply reply = refused ? http::Reply(*refused) : http::Reply(http::Response());
  if (!refused) reply = co_await chain_.handle(request);
  http::Response response = reply ? std::move(*reply) : http::local_reply(reply.error(), request);
  response.headers.set(http::Name::server, "outrider-admin");  // told apart from any other
  http::complete_head(response, request.method, loop_.wall(loop_.now()));
  const bool ends = response.body.is_empty();
  const base::Result<void> sent = stream.send_head(response, ends);
  if (!sent || ends) co_return;
  const http::Pumped how = co_await http::pump(response.body, stream, info);
  if (how.source) stream.abort(*how.source);
}

}  // namespace admin
