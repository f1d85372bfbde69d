// How control runs the app: behind the listeners, in front of its inbound traffic.
#include "proxy/process/control.hpp"

#include <set>

namespace process {
void Control::run_app(std::vector<std::string> command) {
  config::App settings = plan_->config->app.value_or(config::App());
  settings.command = std::move(command);
  app_ = std::make_unique<App>(loop_, resolver_, children_, log_, std::move(settings),
                               [this] { on_app_ended(); });
  gate_.close();
}

std::string Control::start_app() {
  std::vector<std::string> environment = environment_for_children();
  std::set<std::string> known;
  for (const server::PlannedListener& listener : plan_->listeners) {
    const std::string variable = listener_variable(listener.config->name);
    if (!known.insert(variable).second)
      return "app: two listeners would be " + variable + " to it: rename \"" +
             listener.config->name + '"';
    std::erase_if(environment,
                  [&](const std::string& each) { return each.starts_with(variable + '='); });
    environment.push_back(variable + '=' + listener.addresses.front().to_string());
  }
  std::string problem = app_->start(std::move(environment));
  if (problem.empty()) tasks_.spawn(open_when_ready()).release();
  return problem;
}

base::Task<> Control::open_when_ready() {
  const std::string problem = co_await app_->ready();
  if (is_draining_) co_return;
  if (problem.empty()) {
    log_.info("app: ready");
    open_inbound();
    co_return;
  }
  is_start_failed_ = true;
  log_.error("app: " + problem);
  quit();
}

void Control::open_inbound() {
  StartGate::Opened opened = gate_.open();
  if (!opened.problem.empty()) log_.error(opened.problem);
  for (std::size_t i = 0; i < opened.sockets.size(); ++i) {
    const auto sockets =
        std::make_shared<std::vector<server::NewSocket>>(std::move(opened.sockets[i]));
    workers_[i]->post([sockets](server::Runtime& runtime) { runtime.listen(std::move(*sockets)); });
  }
  announce(false);
  tell_ready();
}

// Nobody is left to send outbound requests for, and nobody to take inbound ones.
void Control::on_app_ended() {
  quit();
}

}  // namespace process
