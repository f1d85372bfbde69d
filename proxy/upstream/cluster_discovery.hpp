// Finds the endpoints of one cluster. Its *source* says which there are: the configuration, a file
// that is watched, or a name's SRV records. Each of them is a *target*: an address, or a name that is
// asked for again when its TTL is over. Owned by Discovery; control's thread.
#pragma once

#include "config/hidden.hpp"
#include "proxy/base/task_group.hpp"
#include "proxy/net/family_race.hpp"
#include "proxy/upstream/discovery.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace upstream {

class ClusterDiscovery {
 public:
  // hidden: what the configuration does not show.
  ClusterDiscovery(Discovery& discovery, const config::Cluster& cluster, config::Hidden hidden);
  ~ClusterDiscovery();

  // Begins with what another knows of the same.
  void learn_from(const ClusterDiscovery& other);
  void start();
  const ClusterNames& names() const { return names_; }
  bool is_settled() const;
  const DiscoverySource& source() const { return source_; }
  const std::shared_ptr<const PublishedEndpoints>& published() const { return published_; }

 private:
  // What is known of a target.
  struct Known {
    bool is_asked = false;  // at least once, and answered
    std::vector<base::Address> addresses;
    std::optional<base::Error> failure;
    std::optional<net::IpVersion> preferred;  // of addresses of both
  };
  struct Listed {
    config::Endpoint endpoint;
    std::uint32_t priority = 0;

    bool operator==(const Listed&) const = default;
  };
  struct Target {
    Listed listed;
    Known known;
    base::Child task;  // follows a name
  };
  struct Look;  // at a file
  struct Race;  // between the families of a name

  void list(std::vector<Listed> listed);
  void start(Target& target);
  base::Task<> follow_name(Target& target);
  base::Task<> prefer_family(Known& found, Race& race);
  base::Task<> follow_file();
  base::Task<> follow_srv();
  void take(Look look);
  static std::vector<Listed> listed_by(const net::SrvAnswer& answer);
  void source_read(std::vector<Listed> listed, const std::string& where);
  void source_failed(const base::Error& error, const std::string& why);
  void publish();
  void warn(const std::string& what);
  void say(const std::string& what);
  std::string shown(std::string message) const;

  Discovery& discovery_;
  const DiscoveryParts& parts_;
  const ClusterNames names_;
  const config::Mark mark_;
  const config::Hidden hidden_;
  bool is_source_asked_ = false;  // answered, well or not
  std::optional<base::Error> source_failure_;  // of one that never was good
  DiscoverySource source_;                     // as the log told it
  std::shared_ptr<const PublishedEndpoints> published_;
  base::TaskGroup tasks_;
  std::vector<std::unique_ptr<Target>> targets_;
};

// Written down, not to be asked for.
std::optional<base::Address> fixed_address(const config::Endpoint& endpoint);
// Unless it is there already.
void add(EndpointSet& set, const WeightedAddress& one);

}  // namespace upstream
