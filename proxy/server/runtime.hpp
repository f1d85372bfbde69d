// What one worker carries traffic with. Its listeners and pools outlive configurations; of each of
// those it has a generation: the present one, and earlier ones while exchanges are left that began
// under them. Made, used and destroyed in the worker's thread.
#pragma once

#include "proxy/server/generation.hpp"
#include "proxy/server/listener.hpp"

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace server {

// All that a worker needs to go over to a configuration; the step itself cannot fail.
struct Adoption {
  std::shared_ptr<const Plan> plan;
  // What names stand for, as far as it is known.
  std::vector<std::shared_ptr<const upstream::PublishedEndpoints>> endpoints;
  std::vector<NewSocket> sockets;  // for the addresses that it does not listen on yet
};

class Runtime final : Generation::Owner {
 public:
  // executor: outlives it, as the loop does.
  Runtime(base::EventLoop& loop, base::Executor& executor, std::size_t worker, Shared& shared);
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime();

  // The first time. What a listener of the plan does not name any more drains.
  void adopt(Adoption adoption);
  // At each reload: large configurations are built beside the present one, some of it in each turn.
  // `done` is called when it is in force; until then nothing else here is to be called but what
  // begins with `is`.
  void adopt_in_turns(Adoption adoption, std::function<void()> done);
  bool is_adopting() const { return building_ != nullptr; }

  // For addresses of the present plan.
  void listen(std::vector<NewSocket> sockets);

  // What it listens on, once more; without descriptors if there cannot be that many.
  std::vector<NewSocket> listening() const;

  // To every generation that has these names.
  void publish(const upstream::PublishedEndpoints& endpoints);
  // For connections made from now on, of the present generation.
  void renew_listener_tls(std::string_view listener,
                          std::shared_ptr<const certs::TlsContext> context);
  void renew_cluster_tls(std::string_view cluster,
                         std::shared_ptr<const certs::TlsContext> context);
  std::vector<upstream::ClusterSnapshot> clusters();

  void accept(bool is_wanted);     // false: new connections wait in the kernel
  // The listeners of that direction. is_replaced: by another process, which has their sockets too.
  void drain(bool outbound, bool is_replaced);
  std::size_t cut(bool outbound);  // exchanges that are left there: how many
  bool is_idle() const;            // no connection is left, and all was sent

 private:
  struct Building;

  void on_over(Generation& generation) noexcept override;
  base::Ref<Generation> begin(Adoption& adoption);
  void build();
  void take(base::Ref<Generation> next, std::vector<NewSocket> sockets);
  void hand_over_listeners();

  base::EventLoop& loop_;
  Shared& shared_;
  net::Lingering lingering_;
  Neighbours::Member neighbour_;
  net::HandshakeTurns handshake_turns_;
  upstream::Pools pools_;
  AllLostClients lost_clients_;
  const WorkerParts parts_;
  std::vector<std::unique_ptr<Generation>> generations_;
  std::unique_ptr<Building> building_;  // null = it is complete
  Mirrors mirrors_;
  base::Ref<Generation> present_;
  std::vector<std::unique_ptr<Listener>> listeners_;  // also those that drain
  bool is_accepting_ = true;
};

}  // namespace server
