// A world in virtual time: clients, sidecars that run the program's own filters, balancers and
// pools, and endpoints. The same configuration, scenario and seed give the same world. Used once;
// one thread.
#pragma once

#include "proxy/base/task_group.hpp"
#include "proxy/simulate/sidecar.hpp"
#include "proxy/simulate/tally.hpp"
#include "proxy/simulate/traffic.hpp"

#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace simulate {

// A loop whose time passes when it is told to, and whose wall is always the same.
class VirtualLoop final : public base::Loop {
 public:
  explicit VirtualLoop(std::uint64_t seed);
};

// The configuration as virtual worlds have it: nothing of it touches the machine.
// Every endpoint has an address that none other has.
std::shared_ptr<const config::Config> made_virtual(const config::Config& config,
                                                   const Scenario& scenario);

class World final : ExchangeObserver, OriginObserver {
 public:
  // plan: of a configuration that was made virtual. traffic: null = by the scenario's rate.
  World(std::shared_ptr<const server::Plan> plan, Scenario scenario,
        std::unique_ptr<Traffic> traffic = nullptr);
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World();

  // All that the scenario says happens, and then what is under way comes to its end.
  void run();

  const Scenario& scenario() const { return scenario_; }
  const server::Plan& plan() const { return *plan_; }
  const Tally& tally() const { return tally_; }
  const std::deque<Origin>& origins() const { return origins_; }
  base::Loop& loop() { return loop_; }
  Sidecar& sidecar(std::size_t number) { return *sidecars_[number]; }

 private:
  void build_services();
  void build_clients();
  void add_origins(const config::Cluster& cluster);
  void schedule(const Happening& event);
  base::Task<> cause(Happening event, Origin& origin);
  base::Task<> offer();
  void begin(const Arrival& arrival);
  base::Task<> ask(std::size_t listener, http::RequestHead head, std::size_t client);
  base::Task<bool> served(std::size_t listener, http::RequestHead head, std::size_t client);
  std::size_t listener_of(const Asked& asked) const;

  void ended(const http::StreamInfo& info) override;
  void arrived(const Origin& origin) override;

  const std::shared_ptr<const server::Plan> plan_;
  const Scenario scenario_;
  base::Log log_;
  std::map<std::string, ServiceRules> rules_;  // of all clusters
  std::deque<Origin> origins_;  // outlive the loop, which destroys connections to them
  Network network_;
  VirtualLoop loop_;
  const base::Time begin_;
  Tally tally_;
  std::deque<http::ConnectionInfo> clients_;
  std::vector<std::unique_ptr<Sidecar>> sidecars_;
  std::unique_ptr<Traffic> traffic_;
  std::size_t under_way_ = 0;
  base::TaskGroup tasks_;
};

}  // namespace simulate
