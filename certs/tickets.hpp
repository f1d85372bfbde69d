// The keys that seal TLS session tickets: one set for the process, so a ticket that one worker gave is
// good at another. A key seals for 12 hours and opens for 12 more. Any thread; a handshake takes the
// lock, a request never does.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <chrono>
#include <mutex>
#include <optional>

namespace certs {

struct TicketKey {
  std::array<unsigned char, 16> name;  // in clear in the ticket: which key this is
  std::array<unsigned char, 32> mac;
  std::array<unsigned char, 32> cipher;
};

class TicketKeys {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::hours life{12};

  // The key for new tickets; none: there is no randomness to make one of.
  std::optional<TicketKey> to_seal(Time now);
  // The key of this name, if it still opens tickets.
  std::optional<TicketKey> to_open(const unsigned char* name, Time now);

 private:
  void advance(Time now);

  std::mutex mutex_;
  std::optional<TicketKey> current_;
  std::optional<TicketKey> previous_;
  Time made_{};  // current_
};

// Makes a server's context seal and open its tickets with the process's keys.
void share_ticket_keys(SSL_CTX* context);

}  // namespace certs
