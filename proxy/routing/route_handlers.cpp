#include "proxy/routing/route_handlers.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace routing {
namespace {

using base::Error;
using base::Fault;
using base::Reason;
using http::Reply;
using http::Request;
using http::Task;

Error no_route(const Request& request) {
  if (request.method == http::Method::connect)
    return {Reason::method_not_allowed, Fault::downstream, "no route takes CONNECT"};
  return {Reason::no_route, Fault::downstream, "no route matches"};
}

void add_body(http::Response& response, base::Bytes body) {
  response.headers.set(http::Name::content_length, std::to_string(body.size()));
  response.body = http::Body::of(std::move(body));
}

std::string_view query_with_mark(std::string_view path) {
  const std::size_t mark = path.find('?');
  return mark == path.npos ? std::string_view() : path.substr(mark);
}

// The port that a redirect to another scheme does not inherit.
std::string_view without_port(std::string_view authority) {
  const std::size_t colon = authority.rfind(':');
  return colon == authority.npos || authority.ends_with(']') ? authority
                                                             : authority.substr(0, colon);
}

// HTTP/1.0 may name no host: then the way to go is told by its path alone, if that leads elsewhere.
base::Result<std::string> without_host(const config::Redirect& redirect, const Request& request,
                                       std::string_view path) {
  const bool is_other_scheme = !redirect.scheme.empty() && redirect.scheme != request.scheme;
  if (is_other_scheme || redirect.port)
    return Error{Reason::bad_request, Fault::downstream,
                 "a redirect to another scheme or port needs a host, and none is named"};
  // "//x" alone would be read as a host.
  std::string text(path.starts_with("//") ? "/." : "");
  return text.append(path).append(query_with_mark(request.path));
}

base::Result<std::string> location(const config::Redirect& redirect, const Request& request,
                                   std::string_view path) {
  if (redirect.host.empty() && request.authority.empty())
    return without_host(redirect, request, path);
  std::string text(redirect.scheme.empty() ? request.scheme : redirect.scheme);
  text += "://";
  if (redirect.host.find(':') != std::string::npos)  // IPv6
    text.append("[").append(redirect.host).append("]");
  else if (!redirect.host.empty())
    text += redirect.host;
  else if (redirect.port || !redirect.scheme.empty())
    text += without_port(request.authority);
  else
    text += request.authority;
  if (redirect.port) text.append(":").append(std::to_string(*redirect.port));
  return text.append(path).append(query_with_mark(request.path));
}

base::Result<void> rewrite(const PathTemplate& to, const RouteMatch& match, Request& request) {
  base::Result<std::string> path = to.apply(match, request.path_only());
  if (!path) return path.error();
  path->append(query_with_mark(request.path));
  if (request.info.client_path.empty()) request.info.client_path = std::move(request.path);
  request.path = std::move(*path);
  return {};
}

}  // namespace

Task<Reply> RespondHandler::handle(Request&) {
  http::Response response;
  response.status = respond_.status;
  response.is_from_upstream = false;
  for (const auto& [name, value] : respond_.headers) response.headers.add(name, value);
  // A 304 that said 0 would tell that what the client has is empty.
  if (!respond_.body.empty() || respond_.status != 304) add_body(response, body_);
  return Reply(std::move(response));
}

Task<Reply> RedirectHandler::handle(Request& request) {
  return answer(request);
}

Reply RedirectHandler::answer(const Request& request) const {
  std::string path(request.path_only());
  if (route_.redirect) {
    base::Result<std::string> made = route_.redirect->apply(match_, path);
    if (!made) return made.error();
    path = std::move(*made);
  }
  const base::Result<std::string> to = location(*route_.config->redirect, request, path);
  if (!to) return to.error();
  http::Response response;
  response.status = route_.config->redirect->status;
  response.is_from_upstream = false;
  response.headers.add(http::Name::location, *to);
  add_body(response, {});
  return response;
}

bool ClusterHandler::needs_default_timeout() const {
  return std::any_of(clusters_.begin(), clusters_.end(),
                     [](const WeightedCluster& each) { return each.needs_default_timeout; });
}

// Another attempt of a retry before the router comes here again.
const WeightedCluster& ClusterHandler::choose(const Request& request) const {
  if (clusters_.size() == 1) return clusters_.front();
  for (const WeightedCluster& each : clusters_)
    if (each.cluster == request.info.cluster) return each;
  std::uint64_t ticket = request.info.loop.random().below(10'000);
  for (const WeightedCluster& each : clusters_) {
    if (ticket < each.parts) return each;
    ticket -= each.parts;
  }
  return clusters_.back();
}

// What was drawn stays for the exchange: a retry among the route's filters comes here again.
Task<Reply> ClusterHandler::handle(Request& request) {
  return choose(request).chain->handle(request);
}

Task<Reply> RouteHandler::handle(Request& request) {
  const MatchInput input(request);
  const auto found = table_.router().find(input);
  if (!found) return Reply(no_route(request));
  const RouteEntry& route = table_[*found];
  const RouteChain& chain = *chains_[*found];
  request.info.route = route.config->name;
  request.info.rewritten_host = route.config->rewrite.host;
  if (route.rewrite) {
    const RouteMatch& match = table_.router().match(*found);
    const base::Result<void> done = rewrite(*route.rewrite, match, request);
    if (!done) return Reply(done.error());
  }
  if (!chain.clusters) return chain.filtered->handle(request);
  const WeightedCluster& drawn = chain.clusters->choose(request);
  request.info.cluster = drawn.cluster;
  return drawn.needs_default_timeout ? chain.timed->handle(request)
                                     : chain.filtered->handle(request);
}

}  // namespace routing
