// How control opens what is logged to: beside its loop, since a path may lie where nothing answers.
#include "proxy/process/control.hpp"

namespace process {

Control::Logs Control::open_logs(server::Plan& plan, const config::Config& before) {
  Logs logs;
  const config::LogSettings& wanted = plan.config->log;
  if (wanted.to != before.log.to) {
    base::Result<base::LogFile> opened = base::LogFile::open(wanted.to);
    if (!opened)
      logs.problem = plan.config->shown(
          wanted.places, "log: cannot open " + wanted.to + ": " + opened.error().cause.message());
    else
      logs.own.emplace(std::move(*opened));
  }
  if (logs.problem.empty()) logs.problem = server::open_access_log(plan);
  return logs;
}

// As rotation asks for it: whatever cannot be opened anew stays as it is, and is told.
base::Task<> Control::reopen_logs() {
  const std::shared_ptr<const server::Plan> plan = plan_;
  const auto reopen = [this, plan] {
    std::vector<std::string> problems;
    const auto tell = [&](std::string_view which, const auto& settings,
                          boost::system::error_code failed) {
      if (failed)
        problems.push_back(plan->config->shown(
            settings.places, std::string(which) + ": cannot open " + settings.to +
                                 " again, the old one stays until the next signal: " +
                                 failed.message()));
    };
    tell("log", plan->config->log, log_.reopen());
    if (plan->access_log) tell("access_log", plan->config->access_log, plan->access_log->reopen());
    return problems;
  };
  const auto problems = co_await executor_.run(loop_, reopen);
  if (!problems) co_return log_.error("logs: too much waits for files to open them again");
  for (const std::string& problem : *problems) log_.error(problem);
  if (problems->empty()) log_.info("logs opened again");
}

}  // namespace process
