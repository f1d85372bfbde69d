// How control hands over to another process: the binary and the configuration that are on disk by
// now.
#include "proxy/process/control.hpp"
#include "proxy/process/inheritance.hpp"

#include <algorithm>
#include <iterator>
#include <unistd.h>
#include <utility>

namespace process {
namespace {

constexpr base::Millis longest_start{30'000};
constexpr base::Millis longest_handover{2'000};  // of a worker that is asked for its sockets

// Whether each has a descriptor.
bool is_complete(const HandedOver& sockets) {
  const auto is_there = [](const server::InheritedSocket& socket) {
    return !socket.descriptors.empty() && socket.descriptors.front();
  };
  return std::all_of(sockets.listeners.begin(), sockets.listeners.end(), is_there) &&
         (!sockets.admin || is_there(*sockets.admin)) &&
         (!sockets.probes || is_there(*sockets.probes));
}

// The one on this address that no listener has had, which is not among the others any more.
std::optional<server::InheritedSocket> taken_from(std::vector<server::InheritedSocket>& sockets,
                                                  const base::Address& address) {
  const auto found = std::find_if(sockets.begin(), sockets.end(), [&](const auto& socket) {
    return socket.listener.empty() && socket.bound == address;
  });
  if (found == sockets.end()) return std::nullopt;
  std::optional<server::InheritedSocket> taken = std::move(*found);
  sockets.erase(found);
  return taken;
}

server::InheritedSocket once_more(const admin::Admin& admin, const base::Address& wanted) {
  server::InheritedSocket socket{"", wanted, admin.address(), false, admin.owns_path()};
  socket.descriptors.push_back(admin.duplicate());
  return socket;
}

}  // namespace

// One upgrade; outlives whoever asked for it.
struct Control::Upgrading {
  Upgrading(base::Loop& loop, std::size_t workers)
      : sockets_came(loop), over(loop), missing(workers) {}
  base::Event sockets_came, over;
  std::size_t missing;
  std::vector<server::NewSocket> sockets;
  std::string problem;
};

void Control::inherit(Inheritance inherited) {
  predecessor_ = std::move(inherited.predecessor);
  admin_socket_ = std::move(inherited.handed.admin);
  probes_socket_ = std::move(inherited.handed.probes);
  std::vector<server::InheritedSocket>& sockets = inherited.handed.listeners;
  if (const auto& admin = plan_->config->admin) {
    if (!admin_socket_) admin_socket_ = taken_from(sockets, admin->bind);
    if (!probes_socket_) probes_socket_ = taken_from(sockets, admin->probes);
  }
  sockets_.inherit(std::move(sockets));
  held_breakers_ = std::move(inherited.handed.breakers);
}

void Control::can_be_replaced_by(std::vector<std::string> command) {
  successor_command_ = std::move(command);
}

std::string Control::why_not_upgrade() const {
  if (is_draining_) return "this process ends already";
  if (is_upgrading_) return "another upgrade is under way";
  if (app_) return "it runs the app, whose parent cannot change: restart instead";
  if (::getpid() == 1) return "as process 1 it cannot be replaced: restart instead";
  if (successor_command_.empty())
    return "its configuration came from standard input: restart instead";
  return {};
}

base::Task<std::string> Control::upgrade() {
  const auto upgrading = std::make_shared<Upgrading>(loop_, workers_.size());
  upgrading->problem = why_not_upgrade();
  if (!upgrading->problem.empty()) {
    log_.error("upgrade: " + upgrading->problem);
    co_return upgrading->problem;
  }
  tasks_.spawn(replace(upgrading)).release();
  co_await upgrading->over.wait();
  co_return upgrading->problem;
}

base::Task<> Control::upgrade_on_signal() {
  const std::string problem = co_await upgrade();
  (void)problem;  // it was told in the log
}

base::Task<> Control::replace(std::shared_ptr<Upgrading> upgrading) {
  is_upgrading_ = true;
  log_.info("upgrade: starting " + successor_command_.front());
  ask_for_sockets(upgrading);
  const bool has_all = co_await upgrading->sockets_came.wait(loop_.now() + longest_handover);
  HandedOver sockets = handed_over(std::move(upgrading->sockets));
  std::string& problem = upgrading->problem;
  if (!has_all) problem = "a worker is too busy to say what it listens on";
  if (problem.empty() && !is_complete(sockets)) problem = "descriptors have run out";
  successor_ = std::make_unique<Successor>(loop_, children_);
  if (problem.empty()) {
    Program program{successor_command_, environment_without({"WATCHDOG_PID", "LISTEN_PID"})};
    problem = co_await successor_->start(std::move(program), std::move(sockets), longest_start);
  }
  is_upgrading_ = false;
  if (problem.empty() && is_draining_) {
    successor_->give_up();
    problem = "it was told to end meanwhile";
  }
  if (problem.empty()) {
    leave();
  } else {
    restore_access();
    log_.error_in_lines("upgrade: this process goes on: " + problem);
  }
  upgrading->over.set();
}

void Control::ask_for_sockets(const std::shared_ptr<Upgrading>& upgrading) {
  for (const auto& worker : workers_)
    worker->post([this, upgrading](server::Runtime& runtime) {
      const auto sockets = std::make_shared<std::vector<server::NewSocket>>(runtime.listening());
      loop_.post([upgrading, sockets] {
        std::move(sockets->begin(), sockets->end(), std::back_inserter(upgrading->sockets));
        if (--upgrading->missing == 0) upgrading->sockets_came.set();
      });
    });
}

HandedOver Control::handed_over(std::vector<server::NewSocket> of_workers) const {
  HandedOver all;
  all.listeners = sockets_.hand_over(std::move(of_workers));
  if (admin_) all.admin = once_more(*admin_, plan_->config->admin->bind);
  if (probes_) all.probes = once_more(*probes_, plan_->config->admin->probes);
  all.breakers = filters::held_breakers(shared_.filter_state);
  return all;
}

// What is new goes to the other process; what is under way is finished here, however long it takes.
void Control::leave() {
  let_go_of_paths();
  service_manager_.replaced_by(successor_->child());
  log_.info("upgrade: process " + std::to_string(successor_->child()) +
            " takes over; this one ends when its last exchange has");
  is_replaced_ = is_draining_ = true;
  drain_limit_ = base::never;
  tasks_.spawn(drain_at_once()).release();
}

// Those of Unix sockets, which are another process's.
void Control::let_go_of_paths() {
  sockets_.let_go();
  if (admin_) admin_->let_go();
  if (probes_) probes_->let_go();
}

// As the configuration in force has it: the other process may have gone over to its own.
void Control::restore_access() const {
  const auto warn = [this](const std::string& what) {
    log_.warning("upgrade: who may connect cannot be put back: " + what);
  };
  for (const std::string& problem : sockets_.restore_access()) warn(problem);
  if (!admin_ || !admin_->owns_path()) return;
  const config::Admin& admin = *plan_->config->admin;
  const net::UnixAccess granted = net::access_granted(admin.bind);
  const auto done = net::grant_anew(admin.bind, granted, {admin.mode, admin.owner});
  if (!done) warn(admin.bind.to_string() + ": " + base::in_words(done.error()));
}

base::Task<> Control::drain_at_once() {
  drain_listeners(false);
  co_await drain_outbound();
}

}  // namespace process
