// Of world.hpp: what a configuration needs so that it can be simulated on any machine.
#include "proxy/simulate/world.hpp"

namespace simulate {
namespace {

// "10.C.C.K": of the K-th endpoint of a cluster.
std::string address_of(std::size_t cluster, std::size_t number) {
  return "10." + std::to_string(cluster / 256) + '.' + std::to_string(cluster % 256) + '.' +
         std::to_string(number + 1);
}

// The last part of an address has room for so many; the rest differ by their port.
constexpr std::size_t a_part = 250;

void place(config::Cluster& cluster, std::size_t number, const Scenario& scenario) {
  const auto rules = scenario.services.find(cluster.name);
  std::size_t wanted = endpoints_of(cluster);
  if (rules != scenario.services.end() && rules->second.endpoints > 0)
    wanted = rules->second.endpoints;
  cluster.discovery.reset();
  cluster.endpoints.resize(wanted);
  for (std::size_t i = 0; i < cluster.endpoints.size(); ++i) {
    config::Endpoint& endpoint = cluster.endpoints[i];
    endpoint.host = address_of(number, i % a_part);
    endpoint.port = static_cast<std::uint16_t>(80 + i / a_part);
    endpoint.is_unix = false;
  }
}

}  // namespace

// By ALPN an endpoint with TLS would offer HTTP/2; certificates have no meaning in virtual time.
std::shared_ptr<const config::Config> made_virtual(const config::Config& config,
                                                   const Scenario& scenario) {
  auto made = std::make_shared<config::Config>(config);
  made->workers = 1;
  made->admin.reset();
  made->app.reset();
  made->access_log = {};
  made->access_log.format = config::AccessLogFormat::none;
  made->log = {};
  for (config::Listener& listener : made->listeners) {
    listener.tls.reset();
    for (base::Address& address : listener.bind)
      if (address.is_unix()) address = *base::Address::parse("127.0.0.1:0");
  }
  std::size_t number = 0;
  for (config::Cluster& cluster : made->clusters) {
    if (cluster.tls && cluster.protocol == config::HttpVersion::automatic)
      cluster.protocol = config::HttpVersion::h2;
    cluster.tls.reset();
    place(cluster, number++, scenario);
  }
  return made;
}

}  // namespace simulate
