// Opens the admin side. See control.hpp.
#include "proxy/process/control.hpp"

#include <memory>
#include <optional>
#include <utility>

namespace process {
namespace {

// which: "admin.bind".
std::string why_not(const std::string& which, const base::Address& address, const base::Error& error,
                    const config::Config& config) {
  return server::told_at(config, config.lasting, which, {},
                         which + ": " + std::string(error.detail) + " " + address.to_string() + ": " +
                             error.cause.message());
}

// Anybody may connect there, and whoever means it asks at once.
http1::ServerSettings for_probes() {
  http1::ServerSettings settings;
  settings.idle_timeout = base::Millis{5'000};
  settings.header_timeout = base::Millis{5'000};
  settings.body_timeout = base::Millis{5'000};
  settings.send_timeout = base::Millis{5'000};
  return settings;
}

struct Opened {
  base::Descriptor descriptor;
  std::shared_ptr<net::UnixPath> path;
};

// The one that the process was born with, if it is for this address, or a new one.
base::Result<Opened> open(std::optional<server::InheritedSocket>& born_with,
                          const base::Address& wanted, const net::ListenOptions& options) {
  const auto inherited = std::exchange(born_with, std::nullopt);
  if (!inherited || (inherited->wanted != wanted && inherited->bound != wanted)) {
    auto bound = net::listen_on(wanted, 1, options);
    if (!bound) return bound.error();
    return Opened{std::move(bound->front()), net::path_of(wanted)};
  }
  Opened opened{base::duplicate_of(inherited->descriptors.front()), nullptr};
  if (!inherited->owns_path) return base::Result<Opened>(std::move(opened));
  opened.path = net::path_of(wanted);
  const base::Result<void> granted =
      net::grant_anew(wanted, net::access_granted(wanted), options.access);
  if (granted) return base::Result<Opened>(std::move(opened));
  opened.path->let_go();
  return granted.error();
}

}  // namespace

std::string Control::open_admin() {
  if (!plan_->config->admin) return {};
  const config::Admin& wanted = *plan_->config->admin;
  auto opened = open(admin_socket_, wanted.bind, {false, {wanted.mode, wanted.owner}});
  if (!opened) return why_not("admin.bind", wanted.bind, opened.error(), *plan_->config);
  admin_token_ = plan_->admin_token;
  admin::AdminSource& source = *this;
  admin_ = std::make_unique<admin::Admin>(
      loop_, std::move(opened->descriptor), std::move(opened->path), admin::routes_of(source),
      std::make_unique<admin::SiteGuard>(wanted.bind.is_unix() ? "" : wanted.bind.ip(),
                                         admin_token_));
  return {};
}

std::string Control::open_probes() {
  if (!plan_->config->admin || plan_->config->admin->probes.is_none()) return {};
  const base::Address& address = plan_->config->admin->probes;
  auto opened = open(probes_socket_, address, {server::takes_ipv4(address, *plan_->config), {}});
  if (!opened) return why_not("admin.probes", address, opened.error(), *plan_->config);
  admin::AdminSource& source = *this;
  probes_ =
      std::make_unique<admin::Admin>(loop_, std::move(opened->descriptor), std::move(opened->path),
                                     admin::probes_of(source), nullptr, for_probes());
  return {};
}

}  // namespace process
