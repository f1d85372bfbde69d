// One process of Outrider in a simulated world: what the program has of a configuration, from the
// head of a request to the pools, on a loop whose time is virtual. It shares nothing with other
// sidecars but the configuration. Destroyed after its last exchange; one thread.
#pragma once

#include "proxy/server/generation.hpp"
#include "proxy/simulate/dialer.hpp"

#include <memory>
#include <vector>

namespace simulate {

// Told how each exchange went; its StreamInfo has all that the access log would say.
class ExchangeObserver {
 public:
  virtual void ended(const http::StreamInfo& info) = 0;

 protected:
  ~ExchangeObserver() = default;
};

class Sidecar final : server::Generation::Owner {
 public:
  using OnBreaker = std::function<void(std::string_view place, std::string_view state)>;

  // All outlive it.
  struct Surroundings {
    base::Loop& loop;
    base::Log& log;
    std::shared_ptr<const server::Plan> plan;
    const Network& network;
    ExchangeObserver& observer;
  };

  Sidecar(const Surroundings& around, OnBreaker on_breaker);
  Sidecar(const Sidecar&) = delete;
  Sidecar& operator=(const Sidecar&) = delete;
  ~Sidecar();

  // One exchange, from head to log line. The stream outlives the task.
  base::Task<> serve(std::size_t listener, http::Incoming incoming, http::ServerStream& stream);
  const stats::Registry& metrics() const { return shared_.metrics; }

 private:
  class Entrance;

  void on_over(server::Generation&) noexcept override {}

  server::Shared shared_;
  upstream::Pools pools_;
  server::Mirrors mirrors_;
  server::AllLostClients lost_clients_;
  const server::WorkerParts parts_;
  std::unique_ptr<server::Generation> generation_;
  base::Ref<server::Generation> present_;
  std::vector<std::unique_ptr<Entrance>> entrances_;  // in the order of the plan's listeners
};

}  // namespace simulate
