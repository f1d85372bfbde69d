#include "proxy/server/plan.hpp"

#include "config/token.hpp"
#include "proxy/base/control_groups.hpp"
#include "proxy/http/via.hpp"
#include "proxy/net/unix_path.hpp"
#include "proxy/observe/line_template.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sched.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace server {
namespace {

constexpr int most_automatic_workers = 2;

int automatic_workers() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  if (const std::optional<double> quota = base::ControlGroups().cpus())
    cpus = std::min(cpus, static_cast<int>(std::ceil(std::min(*quota, 1'000.0))));
  return std::clamp(cpus, 1, most_automatic_workers);
}

ListenerSettings settings_of(const config::Listener& listener, const config::Limits& limits) {
  ListenerSettings settings;
  settings.http1.head.header_bytes = limits.header_bytes;
  settings.http1.head.header_count = limits.header_count;
  settings.http1.head.target_bytes = limits.target_bytes;
  settings.http1.trailer_bytes = limits.trailer_bytes;
  settings.http1.idle_timeout = listener.idle_timeout;
  settings.http1.header_timeout = listener.header_timeout;
  settings.http1.body_timeout = listener.body_timeout;
  settings.http1.send_timeout = listener.send_timeout;
  settings.http2.limits.header_bytes = limits.header_bytes;
  settings.http2.limits.header_count = limits.header_count;
  settings.http2.limits.target_bytes = limits.target_bytes;
  settings.http2.limits.trailer_bytes = limits.trailer_bytes;
  settings.http2.handshake_timeout =
      std::min(listener.handshake_timeout, listener.header_timeout);  // of the preface
  settings.http2.idle_timeout = listener.idle_timeout;
  settings.http2.header_timeout = listener.header_timeout;
  settings.http2.body_timeout = listener.body_timeout;
  settings.http2.send_timeout = listener.send_timeout;
  settings.handshake_timeout = listener.handshake_timeout;
  settings.idle_timeout = listener.idle_timeout;
  if (!listener.http1) settings.http1.refuses_for = "this port speaks HTTP/2 only";
  settings.speaks_h2 = listener.h2;
  settings.is_tcp = listener.tcp.has_value();
  settings.accepts_proxy_protocol = listener.accepts_proxy_protocol;
  return settings;
}

http::ForwardedPolicy policy_of(const config::Listener& listener) {
  using config::SendForwarded;
  http::ForwardedPolicy policy;
  for (const std::string& range : listener.forwarded.trust)
    if (const auto parsed = base::AddressRange::parse(range)) policy.trust.push_back(*parsed);
  policy.hops = listener.forwarded.hops;
  const SendForwarded send = listener.forwarded.send.value_or(
      listener.direction == config::Direction::inbound ? SendForwarded::x_forwarded
                                                       : SendForwarded::none);
  policy.sends_x_forwarded = send == SendForwarded::x_forwarded || send == SendForwarded::both;
  policy.sends_forwarded = send == SendForwarded::forwarded || send == SendForwarded::both;
  return policy;
}

PlannedListener planned(const config::Listener& listener, const Plan& plan) {
  PlannedListener made;
  made.config = &listener;
  ListenerSettings settings = settings_of(listener, plan.config->limits);
  settings.tells_upstream =
      std::any_of(plan.config->clusters.begin(), plan.config->clusters.end(),
                  [](const config::Cluster& cluster) {
                    return cluster.proxy_protocol != config::ProxyProtocol::none;
                  });
  made.settings = std::make_shared<const ListenerSettings>(std::move(settings));
  made.forwarded = policy_of(listener);
  made.pseudonym = http::pseudonym(plan.digits, listener.name);
  made.routes = std::make_unique<routing::RouteTable>(listener.routes);
  return made;
}

CountsByWorker counts_of(const std::string& listener, int workers, const Plan* running) {
  if (running)
    for (const PlannedListener& each : running->listeners)
      if (each.config->name == listener) return each.counts;
  return CountsByWorker(new ListenerCounts[static_cast<std::size_t>(workers)]);
}

// What a reload cannot change.
std::vector<std::string> restart_reasons(const Plan& running, const Plan& next) {
  std::vector<std::string> reasons;
  const bool cannot_be_replaced = running.config->app || ::getpid() == 1;
  const std::string what_to_do = cannot_be_replaced
                                     ? ": restart the process"
                                     : ": upgrade (`outrider upgrade`) or restart the process";
  const auto tell = [&](const std::string& key, const std::string& words) {
    reasons.push_back(told_at(*next.config, next.config->lasting, key, {}, key + words));
  };
  const auto differ = [&](const std::string& key, const std::string& now, const std::string& wanted) {
    if (now != wanted)
      tell(key, ": " + now + " is in force and " + wanted +
                    " is wanted; this cannot change in a reload" + what_to_do);
  };
  const auto bind_of = [](const Plan& plan) {
    return plan.config->admin ? plan.config->admin->bind.to_string() : std::string("none");
  };
  const auto probes_of = [](const Plan& plan) {
    const bool has_probes = plan.config->admin && !plan.config->admin->probes.is_none();
    return has_probes ? plan.config->admin->probes.to_string() : std::string("none");
  };
  differ("workers", std::to_string(running.workers), std::to_string(next.workers));
  differ("limits.connections", std::to_string(running.config->limits.connections),
         std::to_string(next.config->limits.connections));
  differ("admin.bind", bind_of(running), bind_of(next));
  differ("admin.probes", probes_of(running), probes_of(next));
  const auto command_of = [](const Plan& plan) {
    return plan.config->app ? plan.config->app->command : std::vector<std::string>();
  };
  if (command_of(running) != command_of(next)) {
    const auto place = next.config->lasting.find("app.command");
    const config::Mark at = place == next.config->lasting.end() ? config::Mark{} : place->second;
    // Not with the line itself: secrets may stand in it.
    reasons.push_back(config::Mistake{
        at, "app.command: another one runs; this cannot change in a reload: restart the process"}
                          .summary());
  }
  return reasons;
}

// At the place of the file that it is about, else at the part's own.
template <typename Part>
config::Mistake told(const Part& of, const std::string& file, const std::string& words) {
  const auto place = of.tls->places.find(file);
  return {place == of.tls->places.end() ? of.mark : place->second, words};
}

// Takes the context, or says why there is none; what peers will refuse is worth a warning.
template <typename Part>
std::shared_ptr<const certs::TlsContext> taken(const Part& of, certs::LoadedContext loaded,
                                               Planned& made) {
  loaded = as_shown(std::move(loaded), *made.plan->config, of.tls->places);
  if (!loaded.context)
    made.problems.push_back(told(of, loaded.file, loaded.problem).to_string());
  else if (!loaded.remark.empty())
    made.plan->warnings.push_back(told(of, loaded.file, loaded.remark));
  return std::move(loaded.context);
}

// Whether lines can be added to the file, or why not. Makes none.
std::string why_unwritable(const std::string& file) {
  if (file == "stdout" || file == "stderr") return {};
  const std::string folder = std::filesystem::path(file).parent_path().string();
  const bool is_there = ::access(file.c_str(), F_OK) == 0;
  const std::string& judged = is_there ? file : folder.empty() ? "." : folder;
  struct stat status {};
  if (::access(judged.c_str(), W_OK) != 0 || ::stat(judged.c_str(), &status) != 0)
    return std::generic_category().message(errno);
  if (is_there == S_ISDIR(status.st_mode)) return is_there ? "is a folder" : "its folder is a file";
  return {};
}

template <typename Log>
config::Mistake told_of(const Log& log, const Planned& made, const std::string& words) {
  return {log.places.at(log.to), made.plan->config->shown(log.places, words)};
}

template <typename Log> void check_log(const Log& log, Planned& made) {
  const std::string why = why_unwritable(log.to);
  if (why.empty()) return;
  made.problems.push_back(
      told_of(log, made, "cannot write to " + log.to + ": " + why).to_string());
}

// A daemon comes and goes: that it is not there is worth a warning, what can be none is a mistake.
void check_access_log(Planned& made) {
  const config::AccessLog& log = made.plan->config->access_log;
  if (log.format == config::AccessLogFormat::none) return;
  const std::string path(observe::Syslog::path_in(log.to));
  if (path.empty()) return check_log(log, made);
  const observe::Syslog::Trouble trouble = observe::Syslog::trouble_with(path);
  if (trouble.is_for_good)
    made.problems.push_back(
        told_of(log, made, "cannot write to " + log.to + ": " + trouble.why).to_string());
  else if (!trouble.why.empty())
    made.plan->warnings.push_back(told_of(
        log, made, "access_log: " + log.to + ": " + trouble.why + ": lines are lost until it takes them"));
}

void read_admin_token(Planned& made) {
  const std::optional<config::Admin>& admin = made.plan->config->admin;
  if (!admin || admin->token.empty()) return;
  config::Token token = config::read_token(admin->token);
  if (!token.problem.empty())
    made.problems.push_back(
        config::Mistake{admin->places.at(admin->token), token.problem}.to_string());
  made.plan->admin_token = std::move(token.text);
}

certs::TlsClientSettings tls_settings(const config::Trace& trace) {
  certs::TlsClientSettings settings;
  const config::ClientTls tls = trace.tls.value_or(config::ClientTls());
  settings.ca = tls.ca;
  settings.cert = tls.cert;
  settings.key = tls.key;
  settings.server_name = tls.server_name.empty() ? trace.host : tls.server_name;
  settings.san = tls.san;
  settings.min_version = tls.min_version;
  settings.insecure = tls.insecure;
  settings.protocols.emplace_back("http/1.1");
  return settings;
}

// What waits to be exported goes over to a plan that says the same of it.
void plan_traces(Planned& made, const Plan* running) {
  Plan& plan = *made.plan;
  const std::optional<config::Trace>& wanted = plan.config->trace;
  if (!wanted) return;
  if (wanted->is_tls) {
    config::Trace settled = *wanted;
    if (!settled.tls) settled.tls.emplace();
    plan.trace_tls = taken(settled, certs::make_client_context(tls_settings(*wanted)), made);
  }
  const bool goes_on = running && running->traces && running->config->trace == wanted &&
                       running->config->node == plan.config->node;
  plan.traces =
      goes_on ? running->traces : std::make_shared<observe::Traces>(*wanted, plan.workers);
}

// Why it cannot be listened on; "" = it can, as far as can be seen.
std::string path_problem(const base::Address& address, const net::UnixAccess& access) {
  if (!address.is_unix()) return {};
  const base::Result<void> may = net::may_listen_on_path(address, access);
  if (may) return {};
  return std::string(may.error().detail) + " " + address.to_string() + ": " +
         may.error().cause.message();
}

void check_paths(Planned& made) {
  const config::Config& config = *made.plan->config;
  for (const config::Listener& listener : config.listeners)
    for (const base::Address& address : listener.bind) {
      const std::string problem = path_problem(address, {listener.mode, listener.owner});
      if (!problem.empty())
        made.problems.push_back(told_at(config, listener.places, address.to_string(), listener.mark,
                                        "listener " + listener.name + ": " + problem));
    }
  if (!config.admin) return;
  const std::string problem =
      path_problem(config.admin->bind, {config.admin->mode, config.admin->owner});
  if (!problem.empty())
    made.problems.push_back(
        told_at(config, config.lasting, "admin.bind", {}, "admin: " + problem));
}

}  // namespace

std::string told_at(const config::Config& config, const config::Places& places,
                    const std::string& name, const config::Mark& other, const std::string& words) {
  const auto place = places.find(name);
  const config::Mark& at = place == places.end() ? other : place->second;
  return config::Mistake{at, config.hidden.without(at, words)}.to_string();
}

certs::TlsServerSettings tls_settings(const config::Listener& listener) {
  certs::TlsServerSettings settings;
  settings.cert = listener.tls->cert;
  settings.key = listener.tls->key;
  settings.client_ca = listener.tls->client_ca;
  settings.client_auth = listener.tls->client_auth;
  settings.min_version = listener.tls->min_version;
  if (listener.h2 && !listener.tcp) settings.protocols.push_back("h2");
  if (listener.http1 && !listener.tcp) settings.protocols.push_back("http/1.1");
  return settings;
}

certs::TlsClientSettings tls_settings(const config::Cluster& cluster) {
  certs::TlsClientSettings settings;
  settings.ca = cluster.tls->ca;
  settings.cert = cluster.tls->cert;
  settings.key = cluster.tls->key;
  settings.server_name = cluster.tls->server_name;
  settings.san = cluster.tls->san;
  settings.min_version = cluster.tls->min_version;
  settings.insecure = cluster.tls->insecure;
  if (cluster.protocol != config::HttpVersion::http1) settings.protocols.push_back("h2");
  if (cluster.protocol != config::HttpVersion::h2) settings.protocols.push_back("http/1.1");
  return settings;
}

certs::LoadedContext as_shown(certs::LoadedContext loaded, const config::Config& config,
                              const config::Places& places) {
  loaded.problem = config.shown(places, std::move(loaded.problem));
  loaded.remark = config.shown(places, std::move(loaded.remark));
  return loaded;
}

namespace {

// As a shell would look for it.
bool can_be_run(const std::string& program) {
  if (program.find('/') != program.npos) return ::access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::string_view folders = path ? path : "/bin:/usr/bin";
  while (!folders.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    const std::string folder(folders.substr(0, end));
    if (::access((folder + '/' + program).c_str(), X_OK) == 0) return true;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return false;
}

// A warning: a file may be checked elsewhere than where it is to be in force.
void check_app(Planned& made) {
  const std::optional<config::App>& app = made.plan->config->app;
  if (!app || app->command.empty() || can_be_run(app->command.front())) return;
  made.plan->warnings.push_back(
      {app->mark, made.plan->config->hidden.without(
                      app->mark, "app: there is no program \"" + app->command.front() +
                                     "\" here that can be run")});
}

}  // namespace

Planned make_plan(std::shared_ptr<const config::Config> config, const Plan* running) {
  Planned made;
  made.plan = std::make_unique<Plan>();
  Plan& plan = *made.plan;
  plan.config = std::move(config);
  plan.workers =
      plan.config->workers == 0 ? automatic_workers() : static_cast<int>(plan.config->workers);
  plan.warnings = plan.config->warnings;
  plan.digits = running ? running->digits : http::random_digits();
  if (running) {
    made.problems = restart_reasons(*running, plan);
    if (plan.config->access_log == running->config->access_log)
      plan.access_log = running->access_log;
  }
  read_admin_token(made);
  check_log(plan.config->log, made);
  check_access_log(made);
  check_paths(made);
  if (!running) check_app(made);
  for (const config::Listener& listener : plan.config->listeners) {
    plan.listeners.push_back(planned(listener, plan));
    plan.listeners.back().counts = counts_of(listener.name, plan.workers, running);
    if (!listener.tls) continue;
    plan.listeners.back().tls =
        taken(listener, certs::make_server_context(tls_settings(listener)), made);
  }
  plan_traces(made, running);
  plan.endpoints = upstream::fixed_endpoints(*plan.config);
  for (const config::Cluster& cluster : plan.config->clusters) {
    if (!cluster.tls) continue;
    plan.cluster_tls[cluster.name] =
        taken(cluster, certs::make_client_context(tls_settings(cluster)), made);
  }
  if (!made.problems.empty()) made.plan.reset();
  return made;
}

namespace {

observe::LineRules rules_of(const config::AccessLog& wanted, const config::NodeInfo& node) {
  observe::LineRules rules;
  rules.host = node.id;
  rules.service = node.service;
  if (!wanted.when.empty()) rules.when = config::parse_expression(wanted.when).value;
  rules.sample = wanted.sample;
  if (!wanted.line.empty())
    rules.line =
        std::make_shared<const observe::LineTemplate>(observe::LineTemplate::of_text(wanted.line));
  else if (!wanted.fields.empty())
    rules.line = std::make_shared<const observe::LineTemplate>(
        observe::LineTemplate::of_fields(wanted.fields));
  return rules;
}

}  // namespace

std::string open_access_log(Plan& plan) {
  const config::AccessLog& wanted = plan.config->access_log;
  if (plan.access_log || wanted.format == config::AccessLogFormat::none) return {};
  const auto format = wanted.format == config::AccessLogFormat::json
                          ? observe::AccessLog::Format::json
                          : observe::AccessLog::Format::text;
  base::Result<std::unique_ptr<observe::AccessLog>> opened =
      observe::AccessLog::open(wanted.to, format, plan.workers,
                               rules_of(wanted, plan.config->node));
  if (!opened)
    return plan.config->shown(wanted.places, "access_log: cannot open " + wanted.to + ": " +
                                                 opened.error().cause.message());
  plan.access_log = std::move(*opened);
  return {};
}

bool takes_ipv4(const base::Address& address, const config::Config& config) {
  const base::Address any6 = *base::Address::parse_ip("::", address.port());
  const base::Address any4 = *base::Address::parse_ip("0.0.0.0", address.port());
  if (address != any6) return false;
  for (const config::Listener& listener : config.listeners)
    for (const base::Address& other : listener.bind)
      if (other == any4 && address.port() != 0) return false;
  return true;
}

}  // namespace server
