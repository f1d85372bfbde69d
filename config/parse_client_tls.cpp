// TLS as its client: towards a cluster's endpoints, and towards a collector.
#include "config/parse.hpp"
#include "config/words.hpp"

namespace config {
namespace {

void read_san(const Node& node, const Reading& reading, ClientTls& into) {
  for_each_text(node, reading, [&](const Node& item, const std::string& name) {
    if (is_ip(name))
      reading.mistake(item, "\"" + name +
                                "\" is an IP address, and `san` holds names: write it as "
                                "`server_name` instead");
    else if (!is_host_name(name) && !name.starts_with("spiffe://"))
      reading.mistake(item, "\"" + name + "\" is neither a DNS name nor a spiffe:// URI");
    into.san.push_back(name);
  });
  if (node.is_list() && node.items.empty())
    reading.mistake(node, "at least one name is needed: without `san` it is `server_name`");
}

}  // namespace

const Table<ClientTls>& client_tls_table() {
  static const Table<ClientTls> table = {
      path("ca", &ClientTls::ca, "who signs the endpoints; absent = the system's store"),
      path("cert", &ClientTls::cert, "our own certificate"),
      path("key", &ClientTls::key, "its private key"),
      {"server_name", "a name", "the url's host", "the name to verify; SNI",
       [](const Node& node, const Reading& reading, ClientTls& into) {
         const std::string* text = scalar_of(node, reading, "a name");
         if (text && !is_host_name(*text) && !is_ip(*text))
           reading.mistake(node, "\"" + *text + "\" is not a host name");
         if (text) into.server_name = *text;
       },
       [](const ClientTls& tls) {
         return tls.server_name.empty() ? nullptr : scalar(tls.server_name);
       }},
      {"san", "names", "", "DNS names or spiffe:// URIs that replace the name check", read_san},
      min_version<ClientTls>(),
      boolean("insecure", &ClientTls::insecure, "false", "skip all verification"),
  };
  return table;
}

void read_client_tls(const Node& node, const Reading& reading, ClientTls& into) {
  read_table(node, reading, client_tls_table(), into);
  if (const Node::Entry* insecure = node.entry("insecure"))
    into.places["insecure"] = insecure->mark;
  if (into.cert.empty() != into.key.empty())
    reading.mistake(node, "`cert` and `key` go together");
}

}  // namespace config
