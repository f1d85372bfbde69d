// Opens the admin side. See control.hpp.
#include "proxy/process/control.hpp"

#include <utility>

namespace process {
namespace {

std::string why_not(const std::string& which, const base::Address& address,
                    const base::Error& error) {
  return which + ": " + std::string(error.detail) + " " + address.to_string() + ": " +
         error.cause.message();
}

}  // namespace

std::string Control::open_admin() {
  if (!plan_->config->admin) return {};
  const config::Admin& wanted = *plan_->config->admin;
  auto bound = net::listen_on(wanted.bind, 1, {false, {wanted.mode, wanted.owner}});
  if (!bound) return why_not("admin", wanted.bind, bound.error());
  admin_token_ = plan_->admin_token;
  admin::AdminSource& source = *this;
  admin_ = std::make_unique<admin::Admin>(
      loop_, std::move(bound->front()), admin::routes_of(source),
      std::make_unique<admin::Guard>(wanted.bind.is_unix() ? "" : wanted.bind.ip(), admin_token_));
  return {};
}

std::string Control::open_probes() {
  if (!plan_->config->admin || plan_->config->admin->probes.is_none()) return {};
  const base::Address& address = plan_->config->admin->probes;
  auto bound = net::listen_on(address, 1, {server::takes_ipv4(address, *plan_->config), {}});
  if (!bound) return why_not("admin.probes", address, bound.error());
  admin::AdminSource& source = *this;
  probes_ = std::make_unique<admin::Admin>(loop_, std::move(bound->front()),
                                           admin::probes_of(source), nullptr);
  return {};
}

}  // namespace process
