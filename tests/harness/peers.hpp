// Well-behaved clients and upstreams that look the same in either version of HTTP, clear or TLS: for
// tests that run one case over all of them. Blocking; one exchange at a time on a connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/harness/h2_frames.hpp"
#include "tests/harness/origin.hpp"
#include "tests/harness/socket.hpp"

namespace harness {

enum class Version { http1, h2 };
enum class Framing { length, chunked, until_close };  // in HTTP/2: with content-length, or without

// A request as a client sends it, or as an upstream got it.
struct Ask {
  std::string method = "GET";
  std::string path = "/";
  h2::Fields fields{};
  std::optional<std::string> body{};
  Framing framing = Framing::length;
  h2::Fields trailers{};
  bool waits_for_100 = false;  // sends the body when told to

  std::string field(std::string_view name) const;
};

// A response as an upstream sends it, or as a client got it.
struct Reply {
  int status = 0;
  h2::Fields fields{};
  std::string body{};
  Framing framing = Framing::length;
  h2::Fields trailers{};
  std::vector<int> interim{};
  bool is_whole = false;

  std::string field(std::string_view name) const;
};

class Client {
 public:
  // Null = clear.
  Client(const base::Address& address, Version version, const Tls* tls);
  Reply ask(const Ask& ask);

 private:
  Reply ask_http1(const Ask& ask);
  Reply ask_h2(const Ask& ask);

  Socket socket_;
  std::unique_ptr<H2Peer> h2_;
  std::uint32_t next_stream_ = 1;
  std::uint64_t sent_ = 0;  // of bodies, on HTTP/2
};

// What an upstream answers; `expect: 100-continue` is granted before it is asked.
using Handler = std::function<Reply(const Ask&)>;

// Speaks HTTP/2 if that was agreed on by ALPN, or if `version` says so.
Origin::Script serving(Handler handler, Version version, std::optional<Tls> tls = std::nullopt);

}  // namespace harness
